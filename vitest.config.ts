import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Left alone, one core of two stays idle. */
const ALL_CORES = Math.max(2, availableParallelism() - 1)
/** Services and engines of a file wait more than they work: two files at once fill two cores. */
const TWO_FILES = 2
/** What these find out is in milliseconds: nothing of ours may run beside them. */
const TIMING = ['truth-latency', 'collecting', 'driver-process'].map(
  (name) => `test/e2e/${name}.test.ts`,
)

/**
 * Minutes each, the longest first (docs/test-times.md). Without a cache of earlier times vitest begins with the largest
 * file, and a short file with the longest test is then waited for alone, with one core idle.
 */
const LONG =
  `kills architectures-failing architectures experiments pg-replica shipped-faults-1 shipped-faults-2
  shipped-sweeps-1 shipped-sweeps-2`.split(/\s+/)

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONG.indexOf(basename(moduleId, '.test.ts'))
      return place === -1 ? LONG.length : place
    }
    const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder
    const sorted = await super.sort(files)
    return sorted.sort((a, b) => groupOf(a) - groupOf(b) || rank(a) - rank(b))
  }
}

/** Engines are polled for what takes milliseconds when nobody else wants the machine, and seconds when somebody does. */
const PATIENT = { poll: { timeout: 30_000 } }
/** On a machine that others use. `.ci/run` names what needed it, and fails where that was more than a few. */
const SECOND_TRY = 1

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/contract/**', 'test/e2e/**', 'test/compose/**', 'node_modules/**'],
          testTimeout: 20_000,
          maxWorkers: ALL_CORES,
        },
      },
      {
        test: {
          name: 'contract',
          expect: PATIENT,
          retry: SECOND_TRY,
          include: ['test/contract/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: TWO_FILES,
          maxConcurrency: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          expect: PATIENT,
          retry: SECOND_TRY,
          include: ['test/e2e/**/*.test.ts'],
          exclude: [...TIMING, 'node_modules/**'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: TWO_FILES,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'timing',
          expect: PATIENT,
          retry: SECOND_TRY,
          include: TIMING,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        // Not part of `npm test`: it wants a Docker engine, and images by the gigabyte where they can be pulled.
        test: {
          name: 'compose',
          expect: PATIENT,
          retry: SECOND_TRY,
          include: ['test/compose/**/*.test.ts'],
          globalSetup: ['test/compose/engine.ts'],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
})
