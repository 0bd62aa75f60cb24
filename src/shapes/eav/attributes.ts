/**
 * The attributes of the eav shape. In: how many, and which shares of them are critical and text. Out: each attribute's
 * name, type and possible texts, by rank. The same ranks mean the same attributes in every stream.
 */
import { z } from 'zod'
import { mix32, TWO_TO_32 } from '../seeded/counter-hash.ts'

const ratio = z.number().min(0).max(1)

export const eavSettings = z.strictObject({
  /** Share of the attributes, from the first on, whose writes must be readable at once: `critical: true`. */
  criticalRatio: ratio.default(0.3),
  /** Share of texts among the attributes that have no name of the documents' own. */
  textRatio: ratio.default(0.5),
})
export type EavSettings = z.infer<typeof eavSettings>

export interface Attribute {
  readonly name: string
  readonly critical: boolean
  /** TEXTS of them; null: its values are numbers. */
  readonly texts: readonly string[] | null
}

/** Texts that an attribute may have. A power of two. */
export const TEXTS = 8

/** Those that the documents' queries ask for come first (mission-map Q9, Q10), so they are critical before others. */
const NAMED: readonly Omit<Attribute, 'critical'>[] = [
  {
    name: 'color',
    texts: ['red', 'blue', 'green', 'black', 'white', 'amber', 'grey', 'violet'],
  },
  { name: 'size', texts: null },
  {
    name: 'status',
    texts: ['new', 'active', 'paused', 'blocked', 'expired', 'closed', 'archived', 'deleted'],
  },
  {
    name: 'category',
    texts: ['books', 'tools', 'toys', 'garden', 'music', 'sports', 'food', 'office'],
  },
  { name: 'price', texts: null },
]

export function attributesOf(
  count: number,
  seed: number,
  { criticalRatio, textRatio }: EavSettings,
): readonly Attribute[] {
  const criticalCount = Math.round(count * criticalRatio)
  return Array.from({ length: count }, (_, rank) => {
    const named = NAMED[rank] ?? unnamed(rank, mix32(seed ^ rank) / TWO_TO_32 < textRatio)
    return { ...named, critical: rank < criticalCount }
  })
}

function unnamed(rank: number, isText: boolean): Omit<Attribute, 'critical'> {
  const texts = Array.from({ length: TEXTS }, (_, text) => `choice-${String(text)}`)
  return { name: `attribute_${String(rank).padStart(5, '0')}`, texts: isText ? texts : null }
}
