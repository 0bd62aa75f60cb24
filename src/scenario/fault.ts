/**
 * What goes wrong during a run, as data. A fault names a part (`service`, `worker-1`, `postgres`, `replica`) or the role of
 * an engine, begins at a moment of the measured phase, and ends by itself.
 */
import { z } from 'zod'

const moment = z.number().min(0)

const span = {
  /** What reports call it; what it does where absent. */
  name: z.string().min(1).max(80).optional(),
  /** Seconds after the measured phase began; two numbers: somewhere between them, drawn from the seed and the round. */
  atS: z.union([moment, z.tuple([moment, moment])]),
  /** How long it lasts: from the kill to the order to start again, from freeze to thaw. */
  lengthS: z.number().positive(),
  /**
   * The metric that it is about, `slot.lagBytes` or `table.deadRows{outbox}`; without a label every instance counts. Nobody is
   * back before it is near its level of before the first fault.
   */
  symptom: z.string().min(1).optional(),
}

const partName = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'the name of a part: service, postgres …')

/** A list where statements must not share a transaction: ALTER SYSTEM, then pg_reload_conf(). */
const Script = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])
export type Script = z.infer<typeof Script>

const onEngine = {
  role: z.string().min(1),
  /** Done on it before the first event: what the fault, or a calm to compare with, needs. */
  prepare: Script.optional(),
}

export const Fault = z.discriminatedUnion('kind', [
  /** kill -9 of the whole process tree; it is started again when the fault ends. */
  z.strictObject({ kind: z.literal('kill'), part: partName, ...span }),
  /** Every process of it is stopped (SIGSTOP), and goes on when the fault ends. */
  z.strictObject({ kind: z.literal('freeze'), part: partName, ...span }),
  /** A script for an engine, in its own language, and what takes it back. */
  z.strictObject({
    kind: z.literal('statements'),
    ...onEngine,
    begin: Script,
    end: Script.optional(),
    ...span,
  }),
  /** A session that runs a script and stays open, in whatever transaction that began. */
  z.strictObject({
    kind: z.literal('session'),
    ...onEngine,
    begin: z.string().min(1),
    ...span,
  }),
  /** A script that is run every `everyS` all along, and not while the fault lasts: a consumer that stops. */
  z.strictObject({
    kind: z.literal('pause'),
    ...onEngine,
    work: Script,
    everyS: z.number().positive().default(1),
    ...span,
  }),
  /**
   * The database is made again from a base backup of the run's begin and the log archived since (`archive_mode: on` in its
   * settings). `archive-end`: its disk is lost at `atS`, and what was not archived with it; `point`: `begin` is an accident,
   * and everything is taken back to the moment before it.
   */
  z.strictObject({
    kind: z.literal('restore'),
    role: z.string().min(1),
    to: z.enum(['archive-end', 'point']).default('archive-end'),
    begin: z.string().min(1).optional(),
    ...span,
  }),
])
export type Fault = z.infer<typeof Fault>

/** The latest moment it may begin, seconds after the measured phase did. */
export function latestS({ atS }: Pick<Fault, 'atS'>): number {
  return typeof atS === 'number' ? atS : Math.max(...atS)
}

/** What it does, in words that a report repeats. */
export function faultInWords(fault: Fault): string {
  if (fault.name !== undefined) return fault.name
  switch (fault.kind) {
    case 'kill':
      return `kill -9 of ${fault.part}`
    case 'freeze':
      return `${fault.part} frozen`
    case 'statements':
      return `on ${fault.role}: ${oneLine([fault.begin].flat().join('; '))}`
    case 'restore':
      return fault.to === 'point'
        ? `${fault.role} taken back to a moment before an accident`
        : `the disk of ${fault.role} lost`
    case 'pause':
      return `not done on ${fault.role}: ${oneLine([fault.work].flat().join('; '))}`
    case 'session':
      return `a session of ${fault.role} held open: ${oneLine(fault.begin)}`
  }
}

function oneLine(script: string): string {
  const line = script.trim().replaceAll(/\s+/g, ' ')
  return line.length <= 60 ? line : `${line.slice(0, 59)}…`
}
