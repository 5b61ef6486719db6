/** Codes of the choices of the environment, by their place in `CHOICES`. A step answers those that it has as bits `1 << code`. */
import { CHOICES } from "../spec/words.ts";

const code = (name: string): number => CHOICES.indexOf(name);

/** What the environment may decide. */
export const CHOICE = {
  go: code("go"),
  isolated: code("isolated"),
  busy: code("busy"),
  page: code("page"),
  noMemory: code("no-memory"),
  error: code("error"),
  noSwap: code("no-swap"),
  swap: code("swap"),
  dropped: code("dropped"),
  copied: code("copied"),
  failed: code("failed"),
} as const;

/** A step in which the environment decides nothing this time, although it does at others. */
export const GO = 1 << CHOICE.go;
/** An allocation: it finds a page or it does not. */
export const PAGE_OR_NO_MEMORY = (1 << CHOICE.page) | (1 << CHOICE.noMemory);
