use stillbox::{AsyncSandbox, SandboxSpec, Sandboxes as _};
use stillbox_tests::{engine, sandbox, test};

macro_rules! sandbox_tests {
    ($($module:ident: $($name:ident)+;)+) => {
        $(mod $module { $(
            #[test]
            fn $name() {
                super::keeps(concat!(stringify!($module), "::", stringify!($name)));
            }
        )+ })+
    };
}
stillbox_api::sandbox_contract!(sandbox_tests);

macro_rules! engine_tests {
    ($($module:ident: $($name:ident)+;)+) => {
        $(mod $module { $(
            #[test]
            fn $name() {
                let test = stillbox_api::contract::engine_test(concat!(stringify!($module), "::", stringify!($name)));
                stillbox_tests::test(test(stillbox_tests::engine()));
            }
        )+ })+
    };
}
stillbox_api::engine_contract!(engine_tests);

fn keeps(name: &str) {
    let contract = stillbox_api::contract::sandbox_test(name);
    test(async { contract(&*sandbox().await).await });
}

/// The handles of an engine are those of one engine.
#[test]
fn clones_of_an_engine_share_their_sandboxes() {
    test(async {
        let made = engine().clone().create(SandboxSpec::default().terminate_on_drop(true)).await.unwrap();
        assert_eq!(engine().connect(made.id()).await.unwrap().id(), made.id());
        assert_eq!(AsyncSandbox::name(&*made), None);
    });
}
