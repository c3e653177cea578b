//! Simulated hours in which every certificate is rotated again and again. In full: `benches/soak --rows rotation`.

#[path = "../../../benches/support/rotation.rs"]
mod simulated;

use simulated::{Plan, Step, simulate};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_certificates_are_rotated_the_number_of_series_stays_and_none_is_stale() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { certificates: 60, steps: 30, rotated_in: 6 };
    let mut steps: Vec<Step> = Vec::new();
    simulate(plan, folder.path(), |step| steps.push(step)).await.unwrap();
    assert_eq!(steps.len(), 24);
    for (at, step) in steps.iter().enumerate() {
        assert_eq!((step.series, step.ends, step.stale), (steps[0].series, 61, 0), "step {at}: {step:?}");
    }
    assert!(steps[23].rounds >= 30.0, "every round was run: {:?}", steps[23]);
}
