use std::io::Write;
use std::process::{Command, Stdio};

use aws_lc_rs::digest::SHA256;
use flate2::read::GzDecoder;

use crate::metrics::Renderer;
use crate::metrics::example::{self, View};

use super::*;

pub(super) fn drained<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Vec<u8>
where
    B::Error: std::fmt::Debug,
{
    let expected = body.size_hint().exact().unwrap();
    let mut out = Vec::new();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
        out.extend_from_slice(&frame.unwrap().into_data().unwrap());
        assert_eq!(body.size_hint().exact(), Some(expected - out.len() as u64));
    }
    assert!(body.is_end_stream());
    assert_eq!(out.len() as u64, expected, "the length was known");
    out
}

pub(super) fn through(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success(), "{program}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Without what the machine says of the process at this moment.
fn without_process(text: &[u8]) -> String {
    let text = String::from_utf8(text.to_vec()).unwrap();
    text.lines().filter(|line| !line.contains("process_")).fold(String::new(), |all, line| all + line + "\n")
}

fn rich(enix: bool) -> (View, Counters) {
    let watched = example::rich();
    let counters = example::counters(&watched);
    (View::new(watched, &Renderer::new(enix)), counters)
}

#[test]
fn gzip_and_plain_bodies_say_the_same() {
    let (view, counters) = rich(false);
    let exposition = Exposition::new();
    let scrape = || exposition.scrape(&view, &counters);
    let (zipped, plain) = (drained(scrape().gzip()), drained(scrape().plain()));
    let mut text = Vec::new();
    std::io::copy(&mut GzDecoder::new(&*zipped), &mut text).unwrap();
    assert_eq!(without_process(&text), without_process(&plain));

    through("gzip", &["-t"], &zipped);
    assert_eq!(through("zcat", &[], &zipped), text, "one member, complete");
    assert_eq!(without_process(&drained(scrape().plain())), without_process(&plain), "nothing depends on the moment");
}

#[test]
fn promtool_finds_nothing_to_say() {
    for enix in [false, true] {
        let (view, counters) = rich(enix);
        let plain = drained(Exposition::new().scrape(&view, &counters).plain());
        through("promtool", &["check", "metrics"], &plain);
    }
}

#[test]
fn the_rich_example_is_the_golden_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/metrics/golden/rich.txt");
    let (view, _) = rich(false);
    let scraped = drained(Exposition::new().scrape(&view, &Counters::new("1.2.3", None).unwrap()).plain());
    let text = without_process(&scraped);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    #[expect(clippy::disallowed_methods, reason = "a file of this repository")]
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    for (written, expected) in text.lines().zip(golden.lines()) {
        assert_eq!(written, expected, "UPDATE_GOLDEN=1 rewrites {path}");
    }
    assert_eq!(text.lines().count(), golden.lines().count());
}

#[test]
fn large_fragments_pass_without_a_copy_and_small_ones_together() {
    let mut deflater = Deflater::new();
    let noise: Vec<u8> =
        (0..25_000_u32).flat_map(|n| aws_lc_rs::digest::digest(&SHA256, &n.to_le_bytes()).as_ref()[..8].to_vec()).collect();
    let large = deflater.fragment(0, 1, &noise);
    assert!(large.deflated.len() > CHUNK_BYTES);
    let small = deflater.fragment(0, 1, b"small\n");
    let body = Scrape { fragments: vec![small.clone(), small.clone(), large.clone(), small] }.gzip();
    assert_eq!(body.chunks.len(), 3);
    assert_eq!(body.chunks[1].as_ptr(), large.deflated.as_ptr());
    let zipped = drained(body);
    assert_eq!(through("zcat", &[], &zipped).len(), 200_000 + 18);
}

#[test]
fn nothing_known_is_a_valid_scrape() {
    let view = View::new(Vec::new(), &Renderer::default());
    let counters = Counters::new("1.2.3", None).unwrap();
    let zipped = drained(Exposition::new().scrape(&view, &counters).gzip());
    let text = String::from_utf8(through("zcat", &[], &zipped)).unwrap();
    let is_of_places = |line: &str| line.starts_with("x509_") && !line.starts_with("x509_revocation_fetches_total{");
    assert!(!text.lines().any(is_of_places) && text.contains("notafter_build_info{version=\"1.2.3\"} 1\n"), "{text}");
}
