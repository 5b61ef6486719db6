/** Each mutant of the model behaves otherwise than the model: a random run in its scope finds where. The model itself never does. */
import { describe, expect, it } from "vitest";
import { lockstep } from "../../check/lockstep.ts";
import { modelSystem } from "../../check/model-system.ts";
import { MUTANTS } from "../../check/mutants/catalogue.ts";
import type { Mutant, Tampering } from "../../check/mutants/mutant.ts";
import { randomStream } from "../../check/random.ts";
import { setupOf } from "../../check/setup.ts";
import { walk } from "../../check/walk.ts";
import { RULES } from "../../model/index.ts";

const SEED = 20_161_206;
const CHOICES = 200;
/** Runs in which a mutant must be found, many times what the slowest one needs in the middle. */
const RUNS_MAX = 2_000;

/** The first difference between the model and a model that was tampered with, or `null` where there is none. */
function differs(scope: Mutant["scope"], tampering: Tampering, runs_max: number): string | null {
  const draw = randomStream(SEED);
  const rules = tampering(RULES);
  const setup = setupOf(scope);
  for (let n = 0; n < runs_max; n++) {
    const pair = lockstep(modelSystem(setup), modelSystem(setup, rules));
    const testCase = { ...scope, style: draw.next(), choices: { seed: draw.next(), length: CHOICES } };
    walk(pair, testCase, { stopped: () => pair.difference() !== null });
    const found = pair.difference();
    if (found !== null) return found.text;
  }
  return null;
}

const mutants = MUTANTS.flatMap((mutant) => (mutant.model ? [[mutant.id, mutant, mutant.model] as const] : []));

describe("a mutant of the model", () => {
  it.each(mutants)("%s differs from the model", (_id, { scope }, model) => {
    expect(differs(scope, model, RUNS_MAX)).not.toBeNull();
  });
});

it("the model does not differ from itself in any of their scopes", () => {
  const found = mutants.map(([id, { scope }]) => [id, differs(scope, (rules) => ({ ...rules }), 1)]);
  expect(found.filter(([, text]) => text !== null)).toEqual([]);
});
