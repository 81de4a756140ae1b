//! What a program without the standard library has to bring along.

// The C library, for its start-up code; with the standard library it would be linked unasked.
#[link(name = "c")]
unsafe extern "C" {}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
