/** The public face of `spec`: the words that every other part uses, and the requirements. */
export * from "./profile.ts";
export * from "./requirements.ts";
export * from "./system.ts";
export * from "./vocabulary.ts";
export * from "./words.ts";
