/**
 * A sweep as data: which scenario, which targets, what varies. In: a YAML file. Out: what it asks, and axes with their
 * place in the file; or one error with every problem.
 */
import { z } from 'zod'
import { DATA_KINDS, findDataFile } from '../../kit/data-file.ts'
import type { Finding } from '../../kit/yaml-door.ts'
import { lineInFile, parseYamlFile, shownPath } from '../../kit/yaml-door.ts'
import { FigureBetter, FigureTake, SweepMode } from '../../results/sweep-record.ts'
import type { SweepFigure } from '../../results/sweep-record.ts'
import { figureFindings, figureOf } from './asked-figures.ts'
import type { WantedAxis } from './axes.ts'
import { axisOfValues } from './axes.ts'

/** Either one path and its values, or a name and levels that set several paths at once. */
const AxisInFile = z.strictObject({
  /** `scenario.batchEvents`, `settings.batchRowsMax`, `schemaVariant`, `engines.database.settings.wal_compression`. */
  path: z.string().min(1).optional(),
  /** The first is the base; one alone is compared with what the files say. */
  values: z.array(z.json()).min(1).optional(),
  name: z.string().min(1).optional(),
  levels: z.record(z.string().min(1), z.record(z.string().min(1), z.json())).optional(),
})

/** A metric key alone, or with what of it is compared and which way is better. */
const FigureInFile = z.union([
  z.string().min(1),
  z.strictObject({
    /** `query.seconds{Q9}`, `table.deadRows{outbox}`: an id of the metrics, with its label where it has one. */
    metric: z.string().min(1),
    /** Without it: what docs/sweeps.md has first for the metric, of a gauge its mean over the step compared. */
    of: FigureTake.optional(),
    /** Without it: as the metric says. */
    better: FigureBetter.optional(),
  }),
])
export type FigureInFile = z.infer<typeof FigureInFile>

/** Beyond it a table cannot be read. */
const FIGURES_MAX = 8

export const SweepFile = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and dashes'),
  /** What it asks, as a sentence. */
  question: z.string().min(1),
  /** Rows of the mission map: C6, G6. */
  documents: z.array(z.string()).default([]),
  /** Documented levels that are left out, each with the reason: a report says so. */
  notMeasured: z.array(z.string()).default([]),
  scenario: z.string().min(1),
  targets: z.array(z.string().min(1)).min(1),
  /** For every point alike, over what scenario and targets say. */
  set: z.record(z.string().min(1), z.json()).default({}),
  vary: z.array(AxisInFile).min(1),
  /** What the question is about, beside what every sweep is compared by. */
  figures: z.array(FigureInFile).max(FIGURES_MAX).default([]),
  mode: SweepMode.default('cross'),
  /** A ranking needs three. */
  rounds: z.int().positive().max(1_000).default(3),
})
export type SweepFile = z.infer<typeof SweepFile>

export interface LoadedSweep extends Omit<SweepFile, 'figures'> {
  readonly file: string
  readonly figures: readonly SweepFigure[]
  readonly axes: readonly WantedAxis[]
}

/** @throws HeadroomError BAD_INPUT, FILE_NOT_FOUND */
export function loadSweep(nameOrPath: string): LoadedSweep {
  const file = findDataFile(DATA_KINDS.sweep, nameOrPath)
  const sweep = parseYamlFile(SweepFile, file, {
    what: 'sweep',
    check: (written) => [...axisFindings(written), ...figureFindings(written.figures)],
  })
  const axes = sweep.vary.map((axis, at): WantedAxis => ({
    ...axisOf(axis),
    from: { file: shownPath(file), line: lineInFile(file, ['vary', at]) },
  }))
  return { ...sweep, file, axes, figures: sweep.figures.map(figureOf) }
}

function axisOf(axis: z.infer<typeof AxisInFile>): Omit<WantedAxis, 'from'> {
  if (axis.path !== undefined) {
    const axisOfPath = axisOfValues(axis.path, axis.values ?? [])
    return { ...axisOfPath, name: axis.name ?? axisOfPath.name }
  }
  const levels = Object.entries(axis.levels ?? {}).map(([label, set]) => ({ label, set }))
  return { name: axis.name ?? '', path: null, levels }
}

function axisFindings({ vary }: SweepFile): readonly Finding[] {
  return vary.flatMap((axis, at) => {
    const isPath = axis.path !== undefined && axis.values !== undefined
    const isLevels = axis.name !== undefined && Object.keys(axis.levels ?? {}).length >= 2
    if (isPath !== isLevels && (isPath ? axis.levels === undefined : axis.path === undefined)) {
      return []
    }
    return [
      {
        path: ['vary', at],
        message: 'says neither a path with values nor a name with two or more levels',
        remedy: 'write {path: scenario.batchEvents, values: [1, 10]}, or name and levels',
      },
    ]
  })
}
