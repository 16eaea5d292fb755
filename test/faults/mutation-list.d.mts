export interface Mutation {
  /** As in the README's table. */
  readonly window: string;
  readonly what: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Put behind the end of the file. */
  readonly append?: string;
  /** The test needs the compiled daemon. */
  readonly isBuilt?: boolean;
  readonly test: string;
  readonly name: string;
}

export const MUTATIONS: readonly Mutation[];
