/** Carries out what `hmmspec check` was asked for: the campaign, its progress, its files and its report. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Property } from "../../properties/property.ts";
import type { Operation, ProfileName } from "../../properties/test-case.ts";
import { campaign, type CampaignFailure, type CampaignState } from "../campaign.ts";
import { requirementsReached } from "../coverage.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { writeSchedule } from "../schedule.ts";
import { scheduleOf } from "../schedule-of.ts";
import { subjectFactory, type SubjectName } from "../subject.ts";
import { jsonReport } from "./check-json.ts";
import { textReport } from "./check-report.ts";
import { counted, grouped } from "./layout.ts";
import type { MutantChoice } from "./options.ts";
import { badUsage } from "./shell.ts";
import { sidesOf } from "./sides.ts";
import { statusLine } from "./status-line.ts";

/** What `hmmspec check` was asked for. */
export interface CheckRequest {
  readonly profiles: readonly ProfileName[];
  readonly subject: SubjectName;
  readonly properties: readonly Property[];
  readonly mask: readonly Operation[];
  readonly mutant: MutantChoice | null;
  readonly seed: number;
  /** The run to begin with. */
  readonly first: number;
  readonly runs_max: number;
  readonly budget_ms: number;
  /** Folder for schedules, or `null`: the one of a failure then goes to the current folder. */
  readonly out: string | null;
  readonly json: boolean;
}

/** What a report is made from. */
export interface CheckResult {
  readonly request: CheckRequest;
  readonly state: CampaignState;
  readonly seconds: number;
  readonly interrupted: boolean;
  /** Files that were written, by the failure or finding that they show. */
  readonly files: ReadonlyMap<CampaignFailure, string>;
  /** Why a file could not be written. */
  readonly unwritten: string | null;
}

/** Time after which others may have a turn: a signal is then noticed. */
const TURN_MS = 50;
/** Time that minimising may take at most. */
const MINIMISE_MS = 20_000;

/** Runs a campaign and reports on it. */
export async function runCheck(request: CheckRequest): Promise<ExitCode> {
  const { out } = request;
  const refused = out === null ? null : refusedFolder(out);
  if (refused !== null) return badUsage(`check: --out ${out}: ${refused}, expected a folder that can be written`);
  const sides = await sidesOf(request.mutant);
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
  };
  process.once("SIGINT", interrupt);
  const begun_ms = performance.now();
  const elapsed_ms = (): number => performance.now() - begun_ms;
  const { subject, runs_max } = request;
  const scope = request.mutant?.mutant.scope ?? null;
  let minimising_ms = Infinity;
  const { state, next } = campaign({
    seed: request.seed,
    first: request.first,
    runs_max,
    stop: () => interrupted || elapsed_ms() >= request.budget_ms,
    profiles: scope === null ? request.profiles : [scope],
    make: subjectFactory(subject, sides),
    ...(subject === "lockstep" && { alone: subjectFactory(scope === null ? "impl" : "model", sides) }),
    properties: request.properties,
    mask: scope === null ? request.mask : scope.mask,
    ...(scope !== null && { fixed: scope }),
    minimise: { stop: () => elapsed_ms() > minimising_ms },
  });
  const line = statusLine(process.stderr);
  for (let more = true; more && !interrupted;) {
    const turn_ms = elapsed_ms() + TURN_MS;
    minimising_ms = elapsed_ms() + MINIMISE_MS;
    while (more && elapsed_ms() < turn_ms) more = next();
    line.show(() => progressText(state, elapsed_ms()));
    await new Promise(setImmediate);
  }
  line.clear();
  process.off("SIGINT", interrupt);
  const seconds = elapsed_ms() / 1000;
  const result: CheckResult = { request, state, seconds, interrupted, ...writeFiles(request, state) };
  process.stdout.write(request.json ? jsonReport(result) : textReport(result, sides));
  return exitCode(result);
}

function progressText(state: CampaignState, elapsed_ms: number): string {
  const { reached, unreached } = requirementsReached(state.coverage.steps());
  const rate = (state.actions * 1000) / Math.max(elapsed_ms, 1);
  return [
    `${(elapsed_ms / 1000).toFixed(0)} s: ${counted(state.runs, "run")}`,
    `${grouped(rate)} steps/s`,
    `${state.coverage.count()} outcomes covered`,
    `${reached.length} of ${reached.length + unreached.length} requirements`,
    `${state.witnesses.reduce((sum, { unmet }) => sum + unmet.size, 0)} witnesses not met yet`,
    counted(state.findings.length, "finding"),
  ].join(", ");
}

/** Makes the folder and tries to write into it. Answers why that does not go. */
function refusedFolder(folder: string): string | null {
  const probe = join(folder, `.hmmspec-${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(probe, "");
    rmSync(probe);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Writes the schedule of the failure, and with `--out` those of the findings. */
function writeFiles({ seed, mutant, out }: CheckRequest, { failure, findings }: CampaignState): Pick<CheckResult, "files" | "unwritten"> {
  const files = new Map<CampaignFailure, string>();
  try {
    for (const found of out === null ? [] : findings) {
      const file = join(out ?? "", `finding-${found.finding.defect}-${found.finding.property}.jsonl`);
      writeFileSync(file, writeSchedule(scheduleOf(found, seed, mutant?.name ?? null)));
      files.set(found, file);
    }
    if (failure !== null) {
      const file = join(out ?? "", "hmmspec-failure.jsonl");
      writeFileSync(file, writeSchedule(scheduleOf(failure, seed, mutant?.name ?? null)));
      files.set(failure, file);
    }
    return { files, unwritten: null };
  } catch (error) {
    return { files, unwritten: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
}

function exitCode({ state, interrupted }: CheckResult): ExitCode {
  if (state.failure !== null) return state.failure.failure.kind === "exception" ? EXIT.bug : EXIT.violation;
  return interrupted ? EXIT.inconclusive : EXIT.ok;
}
