/** Carries out what `hmmspec replay` was asked for. */
import { PROPERTIES } from "../../properties/registry.ts";
import type { Bounds } from "../../spec/system.ts";
import { benchOf } from "../bench.ts";
import { excerpt, printable } from "../excerpt.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { REFINES } from "../failure.ts";
import { formatInputError } from "../input-error.ts";
import { showCall, showRet } from "../match.ts";
import { type ReplayEnd, replaySchedule, type ReplayStep, replayTrace } from "../replay.ts";
import { setupOf } from "../setup.ts";
import { type Subject, subjectFactory, type SubjectName } from "../subject.ts";
import { systemText } from "./check-report.ts";
import { colorsFor } from "./colors.ts";
import { counted, labelled } from "./layout.ts";
import { isComplaint, type MutantChoice, mutantChoiceOf } from "./options.ts";
import { type ReplayInput, readReplayInput } from "./replay-input.ts";
import { badUsage } from "./shell.ts";
import { sidesOf } from "./sides.ts";
import { stepWriter } from "./step-text.ts";

/** What `hmmspec replay` was asked for. */
export interface ReplayRequest {
  /** What the steps are carried out on, or `null` for what shows the property that the file names. */
  readonly subject: SubjectName | null;
  /** The mutant, `null` for the correct system, or `undefined` for what the file says. */
  readonly mutant: MutantChoice | null | undefined;
  readonly id: string | null;
  readonly json: boolean;
}

type Bad = { readonly bad: string };
type Colors = ReturnType<typeof colorsFor>;

const isBad = (value: object | null): value is Bad => value !== null && "bad" in value;

/** Replays the schedules or traces of a file, in order, up to the first that does not go as it should. */
export async function replayFile(file: string, request: ReplayRequest): Promise<ExitCode> {
  const read = await readReplayInput(file);
  if ("kind" in read) {
    process.stderr.write(`${formatInputError(file, read)}\n`);
    return EXIT.usage;
  }
  const chosen = request.id === null ? read : read.filter(({ header }) => header.id === request.id);
  if (chosen.length === 0) return badUsage(`replay: no schedule or trace ${excerpt(request.id)} in ${printable(file, 200)}`);
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
  };
  process.once("SIGINT", interrupt);
  let code: ExitCode = EXIT.ok;
  for (const input of chosen) {
    code = await replayOne(file, input, request);
    await new Promise(setImmediate);
    if (interrupted) code = EXIT.inconclusive;
    if (code !== EXIT.ok) break;
  }
  process.off("SIGINT", interrupt);
  return code;
}

/** Device memory of a trace, which has no bounds: more than its calls can use, because a flat buffer does not grow. */
function boundsOf(input: ReplayInput, subject: SubjectName): Bounds {
  if (input.kind === "schedule") return input.header.bounds;
  if (subject === "model") return {};
  return { deviceFrames: input.header.config.pages * processesOf(input) + SPARE_FRAMES, physicalPages: 0 };
}

/** Device frames beyond one for each page of each process: those that are between two users. */
const SPARE_FRAMES = 8;
/** Processes that the tables have room for in any case. */
const PROCESSES = 4;

/** One above the highest number of a process. */
function processesOf(input: ReplayInput): number {
  let most = 0;
  if (input.kind === "trace") for (const { call } of input.events) if (call.op === "fork") most = Math.max(most, call.child);
  return most + 1;
}

function mutantFor(input: ReplayInput, request: ReplayRequest): MutantChoice | null | Bad {
  if (request.mutant !== undefined || input.kind === "trace") return request.mutant ?? null;
  const mutant = mutantChoiceOf(input.header.mutant, request.subject ?? "lockstep");
  if (!isComplaint(mutant)) return mutant;
  return { bad: `the schedule names mutant ${excerpt(input.header.mutant)}: ${mutant.complaint}` };
}

/** A property that a mutant breaks is broken on its side alone; in lockstep the two sides may differ before. */
function subjectNameFor(input: ReplayInput, { subject }: ReplayRequest, mutant: MutantChoice | null): SubjectName {
  if (subject !== null) return subject;
  const property = input.kind === "schedule" ? input.header.property : undefined;
  return mutant === null || property === undefined || property === REFINES.id ? "lockstep" : mutant.side;
}

async function subjectFor(input: ReplayInput, subject: SubjectName, mutant: MutantChoice | null): Promise<Subject> {
  const { header } = input;
  const switches = input.kind === "schedule" ? (input.header.switches ?? {}) : {};
  const bounds = boundsOf(input, subject);
  const capacity = { actors: Math.max(PROCESSES, processesOf(input)) };
  const setup = setupOf({ core: header.profile, driver: header.driver, switches, config: header.config, bounds });
  return subjectFactory(subject, { ...(await sidesOf(mutant)), capacity })(setup);
}

async function replayOne(file: string, input: ReplayInput, request: ReplayRequest): Promise<ExitCode> {
  const mutant = mutantFor(input, request);
  if (isBad(mutant)) return badUsage(`replay: ${mutant.bad}`);
  const name = subjectNameFor(input, request, mutant);
  const subject = await subjectFor(input, name, mutant);
  const property = input.kind === "schedule" ? (input.header.property ?? "") : "";
  const bench = benchOf(
    subject,
    PROPERTIES.filter(({ kind }) => kind !== "sometimes"),
    property.includes("/") ? property : null,
  );
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  if (!request.json) for (const line of headLines(input, name, mutant)) write(line);
  const steps = stepWriter(write);
  const onStep = (step: ReplayStep): void => (request.json ? write(JSON.stringify({ id: input.header.id, ...step })) : steps.step(step));
  const end = input.kind === "schedule" ? replaySchedule(bench, input.actions, onStep, property) : replayTrace(bench, input.events, onStep);
  steps.end();
  if (end.disabled !== null) {
    process.stderr.write(`${disabledText(file, input, end.disabled)}\n`);
    return EXIT.usage;
  }
  const colors = colorsFor(process.stdout, process.env);
  if (request.json) write(JSON.stringify({ id: input.header.id, end: { ...end, failure: end.failure } }));
  else for (const line of endLines(end, property, colors)) write(line);
  return exitCode(end);
}

function exitCode({ failure, other }: ReplayEnd): ExitCode {
  if (failure?.kind === "full") return EXIT.inconclusive;
  if (failure?.kind === "exception") return EXIT.bug;
  return failure !== null || other !== null ? EXIT.violation : EXIT.ok;
}

function headLines(input: ReplayInput, subject: SubjectName, mutant: MutantChoice | null): string[] {
  const { header } = input;
  const on = subject === "lockstep" ? "model and implementation in lockstep" : `${subject} alone`;
  const name = { core: header.profile, driver: header.driver };
  return [
    ...labelled(input.kind, printable(header.id, 200)),
    ...labelled("system", `${systemText(name, header.config, boundsOf(input, "lockstep"))}; ${on}`),
    ...(mutant === null ? [] : labelled("mutant", `${mutant.name}: ${mutant.mutant.title}`)),
  ];
}

/** One line that says which action makes no sense, where, why, and what could have been done instead. */
function disabledText(file: string, input: ReplayInput, { seq, action, why, enabled }: NonNullable<ReplayEnd["disabled"]>): string {
  const what = action.type === "call" ? `actor ${action.actor}: ${showCall(action.call)}` : JSON.stringify(action);
  const place = `${file === "-" ? "stdin" : printable(file, 200)}:${input.line + seq}`;
  const instead = enabled.length === 0 ? "no step of a task" : enabled.join(", ");
  return printable(`${place}: disabled-action: action ${seq} (${what}) makes no sense: ${why}; enabled: ${instead}`, 1000);
}

function endLines({ steps, failure, other }: ReplayEnd, property: string, colors: Colors): string[] {
  if (other !== null) {
    const { seq, recorded, answered } = other;
    return [
      ...labelled(colors.red("differs"), `the answer of call ${seq} is not the recorded one`),
      ...labelled("recorded", showRet(recorded)),
      ...labelled("answered", showRet(answered)),
    ];
  }
  if (failure === null) {
    const named = property === "" ? "" : ` (the file names ${property})`;
    return labelled(colors.green("holds"), `every property held in ${counted(steps, "action")}${named}`);
  }
  const cites = failure.spec.length === 0 ? "" : ` [${failure.spec.join(" ")}]`;
  const word = failure.kind === "full" ? colors.yellow("inconclusive") : colors.red(failure.kind === "exception" ? "bug" : "violation");
  return [
    ...labelled(word, colors.bold(failure.id)),
    ...labelled("statement", `${failure.statement}${cites}`),
    ...labelled("witness", failure.text),
  ];
}
