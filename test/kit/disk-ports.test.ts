import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { readdirSync, mkdtempSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { freeBytes, measureFsyncP50Us, requireFreeBytes, saysDiskFull } from '../../src/kit/disk.ts'
import { freePort, portIsFree } from '../../src/kit/ports.ts'

it('refuses an estimate that the disk cannot hold, naming need and room', async () => {
  const path = join(tmpdir(), 'not', 'there', 'yet')
  expect(await freeBytes(path)).toBeGreaterThan(0)
  await requireFreeBytes({ path, needBytes: 1, what: 'a test' })
  await expect(
    requireFreeBytes({ path, needBytes: 2 ** 62, what: 'the run' }),
  ).rejects.toMatchObject({
    code: 'DISK_TOO_SMALL',
    message: expect.stringMatching(
      /the run needs about 4294967296\.0 GiB .* has .* free/,
    ) as string,
  })
})

it('measures fdatasync and leaves no file behind', () => {
  const dir = mkdtempSync(join(tmpdir(), 'headroom-disk-'))
  expect(measureFsyncP50Us(dir, 8)).toBeGreaterThan(0)
  expect(readdirSync(dir)).toEqual([])
  rmSync(dir, { recursive: true })
})

it('recognises a full disk in what engines write', () => {
  expect(saysDiskFull('PANIC:  could not write to file: No space left on device')).toBe(true)
  expect(saysDiskFull('FATAL:  could not open file: Permission denied')).toBe(false)
})

it('never hands out a port twice, nor one that is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const taken = (server.address() as AddressInfo).port
  expect(await portIsFree(taken)).toBe(false)
  const ports = await Promise.all(Array.from({ length: 32 }, () => freePort()))
  expect(new Set(ports).size).toBe(32)
  expect(ports).not.toContain(taken)
  server.close()
})
