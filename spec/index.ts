/** The public face of `spec`: the words that every other part uses, and the requirements. */
export * from "./requirements.ts";
export * from "./vocabulary.ts";
