#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| flowgate_fuzz::packs(bytes));
