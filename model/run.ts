/** A sequential run: the same steps as an interleaved one, on a private copy of the state, with nothing in between. */
import { taskId } from "../spec/vocabulary.ts";
import type { ReqId } from "../spec/requirements.ts";
import type { ActorId, ModelCall, Ret } from "../spec/vocabulary.ts";
import { activate } from "./calls.ts";
import { ModelBug } from "./rule.ts";
import { ruleOf } from "./rules/index.ts";
import { copyWork } from "./copy.ts";
import type { State, TaskWork, Work } from "./state.ts";
import type { Activation } from "./activation.ts";

/** One way in which a call can go: the answer and the state behind it. */
export interface Run {
  readonly ret: Ret;
  /** Which requirement decides which field of the answer, as far as it is known: see `because`. */
  readonly why: Readonly<Record<string, ReqId>>;
  readonly state: State;
}

/** Told of each step before it is taken. */
export type Observer = (a: Readonly<Activation>, choice: string, state: State) => void;

/** Decides which choices of the environment a run explores; the first is what happens when nothing interferes. */
export type Environment = (a: Readonly<Activation>, choices: readonly string[]) => readonly string[];

/** The environment that never interferes: the first choice of each step. */
export const QUIET: Environment = (_a, choices) => choices.slice(0, 1);

/** Steps that a call may take for each page of the window. More are our bug: nothing else runs, so the call cannot be waiting for anybody. */
const STEPS_PER_PAGE = 10_000;

/**
 * Carries out one call alone. Answers every outcome that the environment allows, in a fixed order.
 *
 * @param limit how many outcomes to follow at most; more are given up (`complete` is then false).
 */
export function run(
  state: State,
  actor: ActorId,
  call: ModelCall,
  environment: Environment = QUIET,
  limit = 1,
  observer?: Observer,
): { readonly runs: readonly Run[]; readonly complete: boolean } {
  const first = copyWork(state);
  const task: TaskWork = { id: taskId(0), actor, stack: [], ret: null, why: {} };
  first.tasks.push(task);
  task.stack.push(activate(first, actor, call));
  const open: { s: Work; forced: string | null }[] = [{ s: first, forced: null }];
  const runs: Run[] = [];
  let complete = true;
  for (let branch = open.pop(); branch; branch = open.pop()) {
    const answer = follow(branch.s, branch.forced, environment, observer, (s, forced) => {
      if (open.length + runs.length + 1 < limit) open.push({ s, forced });
      else complete = false;
    });
    branch.s.tasks = [];
    runs.push({ ...answer, state: branch.s });
  }
  return { runs, complete };
}

/** Runs the only task to its end; other choices that are to be explored are handed to `branch` as copies. */
function follow(
  s: Work,
  force: string | null,
  environment: Environment,
  observer: Observer | undefined,
  branch: (s: Work, choice: string) => void,
): Pick<Run, "ret" | "why"> {
  const task = s.tasks[0];
  if (!task) throw new ModelBug("no task");
  let forced = force;
  const most = STEPS_PER_PAGE * (s.pages + 1);
  for (let n = 0; task.ret === null; n++) {
    const a = task.stack.at(-1);
    if (!a || n > most) throw new ModelBug(`task without end in ${a?.op ?? "nothing"}`);
    const rule = ruleOf(a);
    if (rule.enabled && !rule.enabled(s, task, a)) throw new ModelBug(`deadlock of a lone call in ${a.op}.${a.pc}`);
    let choice = forced;
    if (choice === null) {
      const [taken = "", ...others] = rule.choices ? environment(a, rule.choices(s, task, a)) : [];
      for (const other of others) branch(copyWork(s), other);
      choice = taken;
    }
    forced = null;
    observer?.(a, choice, s);
    rule.apply(s, task, a, choice);
  }
  return { ret: task.ret, why: task.why };
}
