/** The report of `hmmspec check` as one JSON object. */
import type { CampaignFailure } from "../campaign.ts";
import { requirementsReached, stepsUntaken } from "../coverage.ts";
import type { CheckResult } from "./check-run.ts";
import { profileText } from "./options.ts";

function plain(found: CampaignFailure, file: string | undefined): object {
  const { failure, run, testCase, actions, minimal } = found;
  return {
    property: failure.id,
    kind: failure.kind,
    statement: failure.statement,
    spec: failure.spec,
    witness: minimal?.failure.text ?? failure.text,
    run,
    profile: profileText(testCase),
    actions: actions.length,
    minimal: minimal === null ? null : { ...minimal.cost, bounded: minimal.bounded, actions: minimal.actions },
    file: file ?? null,
  };
}

/** What the campaign came to, in one line. */
export function jsonReport({ request, state, seconds, interrupted, files, unwritten }: CheckResult): string {
  const { failure, findings, witnesses, coverage } = state;
  const report = {
    verdict: failure === null ? (interrupted ? "interrupted" : "holds") : failure.failure.kind === "exception" ? "bug" : "violation",
    seed: request.seed,
    first: request.first,
    system: request.subject,
    mutant: request.mutant?.name ?? null,
    profiles: witnesses.map(profileText),
    runs: state.runs,
    steps: state.actions,
    answers: state.answers,
    crashes: state.crashes,
    inconclusive: state.inconclusive,
    seconds,
    interrupted,
    coverage: coverage.seen(),
    requirements: requirementsReached(coverage.steps()),
    steps_untaken: stepsUntaken(coverage.steps()),
    witnesses: witnesses.map((of) => ({ profile: profileText(of), met: [...of.met], unmet: [...of.unmet] })),
    findings: findings.map((found) => ({ defect: found.finding.defect, profiles: found.profiles, ...plain(found, files.get(found)) })),
    failure: failure === null ? null : plain(failure, files.get(failure)),
    unwritten,
  };
  return `${JSON.stringify(report)}\n`;
}
