/** A mutant: one historical bug, or one like it, put back into the model or into the implementation on purpose. */
import type { RuleTable } from "../../model/index.ts";
import type { TestCase } from "../../properties/test-case.ts";
import type { ReqId } from "../../spec/requirements.ts";

/**
 * A row of the list of bugs: `B` fixed upstream, `T` in the mails of v14, `U` found by reading, `g` of our own; `w` of our own, too, in what only
 * the implementation has: packed words, tables, the translation caches of devices.
 */
export type Row = `${"B" | "T" | "U" | "g" | "w"}${number}`;

/** Where a mutant is looked for: the smallest system, and the fewest operations, that show it. */
export type MutantScope = Omit<TestCase, "style" | "choices">;

/**
 * One change of a source of the implementation. It is made in the compiled file, so `find` occurs exactly once in either, and neither text has
 * types: no annotation, and no `!` behind an expression.
 */
export interface SourceEdit {
  /** Path in the repository, as `impl/notifier.ts`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What kills the changed implementation, where that is not what kills the changed model. */
  readonly killedBy?: string;
}

/** The side that a mutant changes. */
export type Side = "model" | "impl";

/** Makes the rules of the mutated model from those of the model. It keeps no state of its own: all that a rule remembers is in the state. */
export type Tampering = (rules: RuleTable) => RuleTable;

interface Described {
  /** The row, with a word behind it where a row has several mutants: `B4`, `B4-rmap`. */
  readonly id: string;
  readonly row: Row;
  /** What goes wrong, in kernel terms. */
  readonly title: string;
  /** Commit that fixed it, CVE, mail, or `ours`. */
  readonly origin: string;
  /** The requirements that it breaks. */
  readonly breaks: readonly ReqId[];
  /** The property that it breaks, or `refines`: only lockstep with the other side shows it. */
  readonly killedBy: string;
  readonly scope: MutantScope;
}

/** A mutant of the model, of the implementation, or of both. */
export type Mutant = Described &
  ({ readonly model: Tampering; readonly impl?: SourceEdit } | { readonly model?: undefined; readonly impl: SourceEdit });

/** A row of the list of bugs that cannot exist in a system of this specification. */
export interface NotAMutant {
  readonly row: Row;
  readonly why: string;
}
