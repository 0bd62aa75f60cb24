/** Types of import-table.js for the tidy test. */
export const IMPORT_TABLE: Readonly<
  Record<string, { readonly values: readonly string[]; readonly types: readonly string[] }>
>
export const PURE_ROOMS: readonly string[]
export const KNOWS_REFERENCE_IMPL: string
export function roomOf(path: string): string | null
export function forbiddenBecause(from: string, to: string, typeOnly: boolean): string | null
