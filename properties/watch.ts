/** Properties on a run: reads the state after every action and asks every property of it. */
import type { ReqId } from "../spec/requirements.ts";
import type { System } from "../spec/system.ts";
import type { Action } from "../spec/vocabulary.ts";
import { copyGhost, follow, newGhost } from "./ghost/ghost.ts";
import type { Ghost } from "./ghost/ghost.ts";
import { newMove, noteAction, noteStep } from "./move.ts";
import type { Move } from "./move.ts";
import type { Always, Defect, Property, Sometimes, Step } from "./property.ts";
import { readState } from "./read-state.ts";
import { newSweep } from "./sweep.ts";
import type { Sweep } from "./sweep.ts";

/** A property that does not hold. */
export interface Violation {
  /** Id of the property. */
  readonly property: string;
  readonly spec: readonly ReqId[];
  readonly statement: string;
  /** One line that says where: pages, frames, tasks. */
  readonly witness: string;
}

/** A property that a known defect has broken. */
export interface Finding extends Violation {
  readonly defect: Defect;
}

interface KnownAlways {
  readonly property: Always;
  readonly known: NonNullable<Always["known"]>[number];
}

interface KnownStep {
  readonly property: Step;
  readonly known: NonNullable<Step["known"]>[number];
}

/** A point of a run to come back to. */
export interface WatchSaved {
  readonly ghost: Ghost;
}

/**
 * Watches one run of a system from its first state on. It must be told of every action (`after`), and is made before the first one.
 *
 * Nothing is allocated as long as every property holds. A known defect is looked for until it was found once, a witness of `sometimes` until it
 * was met once.
 */
export class Watch {
  /** The first property that did not hold. */
  violation: Violation | null = null;
  /** The first finding of each known defect, by property and defect. */
  readonly findings: Finding[] = [];
  /** Ids of the `sometimes` properties that were met, in the order in which they were. */
  readonly met: string[] = [];
  private readonly system: System;
  private readonly always: readonly Always[];
  private readonly steps: readonly Step[];
  private knownAlways: KnownAlways[];
  private knownSteps: KnownStep[];
  private unmet: Sometimes[];
  private ghost: Ghost;
  private was: Sweep;
  private now: Sweep;
  private readonly move: Move = newMove();

  /** @param properties which to look at: those of the registry, or some of them */
  constructor(system: System, properties: readonly Property[]) {
    const { profile } = system.view;
    this.system = system;
    this.always = properties.filter((p) => p.kind === "always");
    this.steps = properties.filter((p) => p.kind === "step");
    this.unmet = properties.filter((p) => p.kind === "sometimes").filter((p) => p.possible?.(profile) ?? true);
    this.knownAlways = this.always.flatMap((property) => (property.known ?? []).map((known) => ({ property, known })));
    this.knownAlways = this.knownAlways.filter(({ known }) => known.applies(profile));
    this.knownSteps = this.steps.flatMap((property) => (property.known ?? []).map((known) => ({ property, known })));
    this.knownSteps = this.knownSteps.filter(({ known }) => known.applies(profile));
    this.ghost = newGhost(profile);
    this.was = newSweep(system.view, this.ghost);
    this.now = newSweep(system.view, this.ghost);
    readState(this.now);
    this.checkState();
  }

  /**
   * Looks at what an action has done. Answers whether every property still holds.
   *
   * @param word the step that was taken, or -1
   * @param action the action that was carried out, where it is no step
   * @param returned the task that has ended by it, or -1
   */
  after(word: number, action: Action | null, returned: number): boolean {
    const was = this.now;
    const now = this.was;
    const { move } = this;
    this.was = was;
    this.now = now;
    readState(now);
    if (word >= 0) noteStep(move, was, word, returned >= 0 ? this.system.answer() : null);
    else if (action !== null && action.type !== "step") noteAction(move, was, now, action);
    this.checkStep();
    follow(this.ghost, was, move, now);
    // What a system that has died leaves behind is no state.
    if (move.ret?.status !== "crash") this.checkState();
    return this.violation === null;
  }

  /** The history so far. Save the system itself, too. */
  save(): WatchSaved {
    return { ghost: copyGhost(this.ghost) };
  }

  /** Goes on from a history; the system must have been restored to the state that belongs to it. */
  restore(saved: WatchSaved): void {
    this.ghost = copyGhost(saved.ghost);
    this.was.ghost = this.ghost;
    this.now.ghost = this.ghost;
    this.violation = null;
    readState(this.now);
  }

  private checkStep(): void {
    const { was, move, now, steps } = this;
    for (let i = 0; i < steps.length; i++) {
      const witness = steps[i]!.check(was, move, now);
      if (witness !== null) this.broken(steps[i]!, witness);
    }
    if (this.knownSteps.length > 0) this.lookForKnownSteps();
    if (this.unmet.length > 0) this.lookForUnmet();
  }

  private checkState(): void {
    const { now, always } = this;
    for (let i = 0; i < always.length; i++) {
      const witness = always[i]!.check(now);
      if (witness !== null) this.broken(always[i]!, witness);
    }
    if (this.knownAlways.length > 0) this.lookForKnown();
  }

  private broken({ id, spec, statement }: Always | Step, witness: string): void {
    this.violation ??= { property: id, spec, statement, witness };
  }

  private lookForKnown(): void {
    for (let i = 0; i < this.knownAlways.length; i++) {
      const { property, known } = this.knownAlways[i]!;
      const witness = known.check(this.now);
      if (witness === null) continue;
      const { id, statement } = property;
      this.findings.push({ property: id, spec: known.spec, statement, witness, defect: known.defect });
      this.knownAlways = this.knownAlways.filter((other) => other.known !== known);
    }
  }

  private lookForKnownSteps(): void {
    for (let i = 0; i < this.knownSteps.length; i++) {
      const { property, known } = this.knownSteps[i]!;
      const witness = known.check(this.was, this.move, this.now);
      if (witness === null) continue;
      const { id, statement } = property;
      this.findings.push({ property: id, spec: known.spec, statement, witness, defect: known.defect });
      this.knownSteps = this.knownSteps.filter((other) => other.known !== known);
    }
  }

  private lookForUnmet(): void {
    for (let i = 0; i < this.unmet.length; i++) {
      const property = this.unmet[i]!;
      if (!property.met(this.was, this.move, this.now)) continue;
      this.met.push(property.id);
      this.unmet = this.unmet.filter((other) => other !== property);
    }
  }
}
