import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { compiledEntry } from '../../src/kit/paths.ts'

const MIB = 1024 * 1024

interface Result {
  readonly events: number
  readonly maxRssBytes: number
}

async function soak(events: number): Promise<Result> {
  const entry = compiledEntry('bench/soak/audit-100m.ts')
  const options = { maxBuffer: MIB, timeout: 110_000 }
  // A heap this small holds two hundred thousand ids at most: the audit may keep none of them.
  const args = ['--max-old-space-size=40', entry, String(events)]
  const { stdout } = await promisify(execFile)(process.execPath, args, options)
  return JSON.parse(stdout) as Result
}

it(
  'audits millions of ids in flat memory: what is kept is a few bits of each',
  { timeout: 120_000 },
  async () => {
    const few = await soak(200_000)
    const many = await soak(2_000_000)
    expect(many.events).toBe(2_000_000)
    expect(many.maxRssBytes - few.maxRssBytes).toBeLessThan(48 * MIB)
  },
)
