//! Archives and compressed files: tar, zip, and gzip, bzip2, xz, zstd with their kin.

mod codec;
mod compress;
mod tar;
mod unzip;
mod zip;

use stillbox_tools::program::{Applet, run};

const COMPRESS: &str = "[-cdfkqtv] [-1..-9] [FILE]...";

const fn applet(
    name: &'static str,
    synopsis: &'static str,
    main: fn(&[String]) -> stillbox_tools::program::Outcome,
) -> Applet {
    Applet { name, synopsis, main }
}

/// The contents of this program. Keep it sorted by name.
const APPLETS: &[Applet] = &[
    applet("bunzip2", COMPRESS, compress::main),
    applet("bzcat", COMPRESS, compress::main),
    applet("bzip2", COMPRESS, compress::main),
    applet("gunzip", COMPRESS, compress::main),
    applet("gzip", "[-cdfklnqtv] [-1..-9] [FILE]...", compress::main),
    applet("tar", "{-c|-r|-t|-u|-x} [-vzjJakOphPm] [-f ARCHIVE] [-C DIR] [--exclude=PATTERN] [FILE]...", tar::main),
    applet("unxz", COMPRESS, compress::main),
    applet("unzip", "[-cfjlnopqtuvZ1] ARCHIVE [MEMBER]... [-x MEMBER...] [-d DIR]", unzip::main),
    applet("unzstd", COMPRESS, compress::main),
    applet("xz", COMPRESS, compress::main),
    applet("xzcat", COMPRESS, compress::main),
    applet("zcat", COMPRESS, compress::main),
    applet("zip", "[-0..-9dfjmqruv] ARCHIVE FILE... [-x PATTERN...]", zip::main),
    applet("zstd", COMPRESS, compress::main),
    applet("zstdcat", COMPRESS, compress::main),
];

fn main() {
    run("archive", APPLETS)
}
