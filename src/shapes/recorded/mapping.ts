/** Which column or dotted path of a user's file feeds which field of an event. In: a mapping as written. Out: names. */

/** By the shape's own name for the field. */
export type Mapping = Readonly<Record<string, string | readonly string[]>>

/** A field of a shape that a file can feed. */
export interface MappedField {
  readonly name: string
  /** `many`: any number of names, none included. */
  readonly takes: 'one' | 'one-or-none' | 'many'
}

/** The file's name for a field; null where the mapping leaves it out. */
export function mappedName(mapping: Mapping, field: string): string | null {
  return mappedNames(mapping, field)[0] ?? null
}

export function mappedNames(mapping: Mapping, field: string): readonly string[] {
  const names = mapping[field] ?? []
  return typeof names === 'string' ? [names] : names
}
