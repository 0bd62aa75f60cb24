import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Ack } from '../../src/drive/ack.ts'
import { ACK_UNIT_US } from '../../src/drive/job.ts'
import { OutcomeLog } from '../../src/drive/outcome-log.ts'

const accepted: Ack = { kind: 'whole', outcome: 'accepted' }
const dropped: Ack = { kind: 'whole', outcome: 'dropped' }

describe('outcome log', () => {
  let dir = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'headroom-outcomes-'))
  })
  afterEach(async () => {
    await rm(dir, { recursive: true })
  })

  const open = (): Promise<OutcomeLog> => OutcomeLog.open(join(dir, 'o.bin'), join(dir, 'x.ndjson'))
  const bytes = (): Promise<Buffer> => readFile(join(dir, 'o.bin'))

  it('keeps each outcome at its place, whatever order they come in', async () => {
    const log = await open()
    const requests = 200_000
    // Backwards within stretches of a thousand, flushed now and then.
    for (let first = 0; first < requests; first += 1_000) {
      for (let k = 999; k >= 0; k--) {
        const request = first + k
        log.set(request, request % 3 === 0 ? dropped : accepted, request % 3 === 0 ? null : request)
      }
      if (first % 7_000 === 0) log.flush()
    }
    await log.close(requests)
    const file = await bytes()
    expect(file.length).toBe(requests * 6)
    let wrong = 0
    for (let request = 0; request < requests; request++) {
      const isDropped = request % 3 === 0
      const ack = file.readUInt32LE(request * 6 + 2)
      if (file[request * 6] !== (isDropped ? 6 : 1)) wrong++
      if (ack !== (isDropped ? 0xffffffff : (request * 1_000) / ACK_UNIT_US)) wrong++
    }
    expect(wrong).toBe(0)
  })

  it('marks a mixed answer and writes which items differ', async () => {
    const log = await open()
    log.set(0, { kind: 'mixed', duplicates: [2], rejected: [0, 5] }, 1.5)
    log.set(1, accepted, 2)
    await log.close(2)
    const file = await bytes()
    expect([...file.subarray(0, 2)]).toEqual([1, 1])
    expect(file.readUInt32LE(2)).toBe(1_500 / ACK_UNIT_US)
    expect([...file.subarray(6, 8)]).toEqual([1, 0])
    expect(await readFile(join(dir, 'x.ndjson'), 'utf8')).toBe('{"r":0,"d":[2],"x":[0,5]}\n')
  })

  it('refuses a second outcome for a request', async () => {
    const log = await open()
    log.set(3, accepted, 1)
    expect(() => {
      log.set(3, dropped, null)
    }).toThrow('one outcome')
    await log.close(4)
  })

  it('fails loudly when the file cannot be written', async () => {
    await expect(OutcomeLog.open(join(dir, 'no', 'o.bin'), join(dir, 'x'))).rejects.toThrow(
      'ENOENT',
    )
  })
})
