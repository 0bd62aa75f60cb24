/** How long a new user waits: what `npm start` runs, from its start to its report, once everything is installed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compiledEntry } from '../src/kit/paths.ts'
import type { BenchOptions, BenchRow } from './bench-row.ts'
import { runCommand } from './command.ts'
import { watchMachine } from './quiet-rounds.ts'

const TARGETS = 'pg-direct,pg-batch,dual-write,clickhouse-direct'
const MINUTES_MAX = 6

/** Once, whatever the rounds: it is minutes long and has no peer. */
export async function run({ signal }: BenchOptions): Promise<readonly BenchRow[]> {
  const dir = await mkdtemp(join(tmpdir(), 'headroom-bench-'))
  try {
    const watch = watchMachine()
    const args = [
      compiledEntry('src/cli/main.ts'),
      'run',
      'quick',
      '--target',
      TARGETS,
      '--out',
      dir,
    ]
    const { seconds } = await runCommand(process.execPath, args, { signal })
    const minutes = seconds / 60
    const foreignCores = watch()
    return [
      {
        what: 'time to first report',
        ours: minutes,
        peer: null,
        peerName: 'none',
        unit: 'minutes',
        ratio: null,
        bar: `≤ ${MINUTES_MAX} min on 2 cores, after the download`,
        met: minutes <= MINUTES_MAX,
        note:
          foreignCores === null
            ? 'foreign CPU is not known here'
            : `foreign CPU ${foreignCores.toFixed(2)} cores on average`,
      },
    ]
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
