/** The report of `hmmspec check` for people. */
import { benchOf } from "../bench.ts";
import type { CampaignFailure, CampaignFinding, CampaignState } from "../campaign.ts";
import { type Reached, requirementsReached, type Seen } from "../coverage.ts";
import { replaySchedule } from "../replay.ts";
import { scheduleOf } from "../schedule-of.ts";
import { setupOf } from "../setup.ts";
import { type Sides, subjectFactory } from "../subject.ts";
import { changedLines, viewLines } from "../view-lines.ts";
import type { CheckResult } from "./check-run.ts";
import { colorsFor } from "./colors.ts";
import { counted, grouped, labelled, wrap } from "./layout.ts";
import { profileText } from "./options.ts";
import { stepWriter } from "./step-text.ts";

type Colors = ReturnType<typeof colorsFor>;

/** Differences between two systems that are shown at most. */
const DIFFERENCES_MAX = 12;

/** The whole report. */
export function textReport(result: CheckResult, sides: Sides): string {
  const colors = colorsFor(process.stdout, process.env);
  const { state, request } = result;
  const lines = [...summary(result, colors)];
  if (request.mutant === null) {
    lines.push(
      ...coverageLines(state.coverage.seen()),
      ...requirementLines(requirementsReached(state.coverage.steps())),
      ...witnessLines(state),
    );
    lines.push(...state.findings.flatMap((finding, i) => findingLines(finding, result, i === 0)));
  }
  if (state.failure !== null) lines.push("", ...failureLines(state.failure, result, sides, colors));
  else if (result.interrupted) lines.push(`${colors.yellow("interrupted")}: this is all that was done`);
  else lines.push(verdictLine(state, colors));
  return lines.map((line) => `${line}\n`).join("");
}

function verdictLine({ findings, inconclusive }: CampaignState, colors: Colors): string {
  const known = findings.length === 0 ? "" : `, except where known defects break it (${counted(findings.length, "finding")})`;
  const full = inconclusive.full === 0 ? "" : `; ${counted(inconclusive.full, "run")} ended early because a table was full`;
  return `${colors.green("holds")}: every property held in every state${known}${full}`;
}

function summary({ request, state, seconds }: CheckResult, colors: Colors): string[] {
  const { mutant, subject, seed } = request;
  const what = mutant === null ? "" : `, mutant ${mutant.name}`;
  const rate = grouped(state.actions / Math.max(seconds, 0.001));
  const counts = [counted(state.runs, "run"), counted(state.actions, "step"), counted(state.answers, "answer")].join(", ");
  const lines = [
    ...labelled(
      colors.bold("check"),
      `seed ${seed}, ${subject === "lockstep" ? "model and implementation in lockstep" : `${subject} alone`}${what}`,
    ),
    ...labelled("runs", `${counts} in ${seconds.toFixed(1)} s (${rate} steps/s)`),
    ...labelled("profiles", state.witnesses.map(profileText).join(" ")),
  ];
  if (mutant !== null) lines.push(...labelled("mutant", `${mutant.name}: ${mutant.mutant.title} [${mutant.mutant.origin}]`));
  const { full, bound } = state.inconclusive;
  if (full + bound > 0)
    lines.push(...labelled("bounds", `${counted(full + bound, "run")} ended early: ${full} on a full table, ${bound} before one was full`));
  if (state.crashes > 0)
    lines.push(...labelled("crashes", `${counted(state.crashes, "run")} ended with a crash that the driver's defects predict`));
  return lines;
}

/** One line for each operation: how often it was called, and its outcomes with the kinds of pages that they were seen on. */
function coverageLines(seen: readonly Seen[]): string[] {
  const lines = [
    ...labelled("covered", `${seen.length} combinations of operation, outcome and page before; - where the call names no page`),
  ];
  for (const operation of new Set(seen.map((cell) => cell.operation))) {
    const cells = seen.filter((cell) => cell.operation === operation);
    const total = cells.reduce((sum, { count }) => sum + count, 0);
    const outcomes = [...new Set(cells.map(({ outcome }) => outcome))].map((outcome) => {
      const pages = cells.filter((cell) => cell.outcome === outcome).map(({ page }) => page);
      return pages.length === 1 && pages[0] === "-" ? outcome : `${outcome}: ${pages.join(" ")}`;
    });
    lines.push(...labelled(`${operation.padEnd(20)}${grouped(total).padStart(9)}  `, outcomes.join("; "), 2, 31));
  }
  return lines;
}

function requirementLines({ reached, unreached }: Reached): string[] {
  const all = reached.length + unreached.length;
  return labelled(
    "requirements",
    `${reached.length} of ${all} that rules carry out${unreached.length === 0 ? "" : `; not reached: ${unreached.join(" ")}`}`,
  );
}

function witnessLines({ witnesses }: CampaignState): string[] {
  const missing = witnesses.filter(({ unmet }) => unmet.size > 0);
  const all = new Set(witnesses.flatMap(({ met, unmet }) => [...met, ...unmet]));
  if (missing.length === 0)
    return labelled("witnesses", `${counted(all.size, "sometimes property", "sometimes properties")}: each met on every profile`);
  return [
    ...labelled("witnesses", `${counted(all.size, "sometimes property", "sometimes properties")}; not met:`),
    ...missing.flatMap((of) => labelled(profileText(of), [...of.unmet].join(" "), 2, 25)),
  ];
}

function findingLines(found: CampaignFinding, { files }: CheckResult, first: boolean): string[] {
  const { finding, profiles, minimal, failure } = found;
  const file = files.get(found);
  const length = minimal === null ? "" : ` In ${counted(minimal.cost.operations, "call")}, ${counted(minimal.cost.steps, "step")}.`;
  const text = `${finding.defect} breaks ${finding.property} [${finding.spec.join(" ")}] on ${profiles.join(" ")}: ${minimal?.failure.text ?? failure.text}.${length}`;
  return [...labelled(first ? "findings" : "", text), ...(file === undefined ? [] : labelled("", `npx hmmspec replay ${file}`))];
}

function failureLines(found: CampaignFailure, result: CheckResult, sides: Sides, colors: Colors): string[] {
  const { failure, run, testCase, actions, minimal } = found;
  const { request, files, unwritten } = result;
  const shown = minimal?.failure ?? failure;
  const cites = shown.spec.length === 0 ? "" : ` [${shown.spec.join(" ")}]`;
  const schedule = scheduleOf(found, request.seed, request.mutant?.name ?? null);
  const { config, bounds } = schedule.header;
  const length =
    minimal === null
      ? `not found again when the run was repeated: ${counted(actions.length, "action")}`
      : `${counted(minimal.cost.operations, "call")}, ${counted(minimal.cost.steps, "step")} (of ${counted(actions.length, "action")}; ${counted(minimal.runs, "run")} tried${minimal.bounded ? ", a bound ended it" : ""})`;
  const lines = [
    ...labelled(
      colors.red(failure.kind === "exception" ? "bug" : "violation"),
      `${colors.bold(shown.id)} in run ${run} of seed ${request.seed}`,
    ),
    ...labelled("statement", `${shown.statement}${cites}`),
    ...labelled("witness", shown.text),
    ...labelled("minimal", length),
    ...labelled("system", systemText(testCase, config, bounds)),
  ];
  const writer = stepWriter((line) => lines.push(line));
  const subject = subjectFactory(request.subject, sides)(setupOf({ ...testCase, config, bounds }));
  replaySchedule(
    benchOf(subject, request.properties, failure.kind === "finding" ? failure.id : null),
    schedule.actions,
    writer.step,
    failure.id,
  );
  writer.end();
  if (subject.both !== null && failure.kind === "refines") {
    const differences = changedLines(viewLines(subject.both.left.view), viewLines(subject.both.right.view));
    lines.push(...labelled("difference", "from model to implementation, behind the last step:"));
    for (const line of differences.slice(0, DIFFERENCES_MAX)) lines.push(...wrap(line, 120).map((part) => `${" ".repeat(13)}${part}`));
    if (differences.length === 0) lines.push(`${" ".repeat(13)}${shown.text}`);
    if (differences.length > DIFFERENCES_MAX) lines.push(`${" ".repeat(13)}and ${differences.length - DIFFERENCES_MAX} more`);
  }
  const file = files.get(found);
  const system = request.subject === "lockstep" ? "" : ` --system ${request.subject}`;
  if (file !== undefined) lines.push(...labelled("replay", `npx hmmspec replay ${file}${system}`));
  if (unwritten !== null) lines.push(...labelled("replay", `the schedule could not be written (${unwritten}); give a folder with --out`));
  return lines;
}

/** The system that a schedule runs on. */
export function systemText(
  name: { readonly core: string; readonly driver: string },
  { pages, devices }: { readonly pages: number; readonly devices: readonly { readonly kind: string }[] },
  { deviceFrames = 0, physicalPages = 0 }: { readonly deviceFrames?: number; readonly physicalPages?: number },
): string {
  const kinds =
    devices.length === 0 ? "no device" : `${devices.length === 1 ? "device" : "devices"} ${devices.map(({ kind }) => kind).join(", ")}`;
  const more = physicalPages === 0 ? "" : `, room for ${counted(physicalPages, "more frame")}`;
  return `${name.core}/${name.driver}, ${counted(pages, "page")}, ${kinds} with ${counted(deviceFrames, "frame")}${devices.length > 1 ? " each" : ""}${more}`;
}
