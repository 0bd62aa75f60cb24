/** Services that acknowledge what they do not keep: the audit must name every lost and every duplicated event. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { MemoryRow } from '../audit/memory-store.ts'
import {
  auditOf,
  CLIENTS,
  expectConsistent,
  requestsWith,
  seeded,
  seededPositions,
} from '../truth/checks.ts'
import { constantSegment, runDriver } from '../truth/driver-run.ts'
import {
  acceptedText,
  ackAndStore,
  epochNowMs,
  rowOf,
  startTruthServer,
} from '../truth/truth-server.ts'

const FAULTS = 40

function namesOf(rows: readonly MemoryRow[]): readonly string[] {
  return rows.map(({ source, id }) => `${source}/${id}`).sort()
}

describe.each(CLIENTS)('with the %s client, the audit', (client) => {
  it('finds a healthy store whole', async () => {
    await using server = await startTruthServer(ackAndStore)
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(400, 2)],
      client,
      spacing: 'poisson',
    })
    expectConsistent(run)
    const audit = await auditOf(run, server.stored)
    expect(audit).toMatchObject({ verdict: 'whole', lostEvents: 0, duplicatedRows: 0 })
    expect(audit.acceptedEvents).toBe(server.arrivals.length)
  })

  it('names every event that was acknowledged and dropped', async () => {
    const dropAt = new Set(seededPositions(21, FAULTS, 800))
    const forgotten: MemoryRow[] = []
    await using server = await startTruthServer((arrival, running) => {
      if (dropAt.has(arrival.number)) {
        forgotten.push(...arrival.events.map(rowOf))
        arrival.socket.write(acceptedText(arrival.events.length))
      } else ackAndStore(arrival, running)
    })
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(400, 2)],
      client,
    })
    expectConsistent(run)
    const audit = await auditOf(run, server.stored)
    expect(audit.verdict).toBe('broken')
    expect([...audit.lost].sort()).toEqual(namesOf(forgotten))
    expect(audit).toMatchObject({ lostEvents: FAULTS, duplicatedRows: 0, foreignRows: 0 })
  })

  it('names every event of a batch that was dropped, and none beside it', async () => {
    const dropAt = new Set(seededPositions(22, FAULTS, 4_000))
    const forgotten: MemoryRow[] = []
    let count = 0
    await using server = await startTruthServer(({ events, socket }, running) => {
      for (const event of events) {
        const list = dropAt.has(count++) ? forgotten : running.stored
        list.push(rowOf(event))
      }
      socket.write(acceptedText(events.length))
    })
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(2_000, 2)],
      client,
      batchEvents: 25,
    })
    expectConsistent(run)
    const audit = await auditOf(run, server.stored)
    expect([...audit.lost].sort()).toEqual(namesOf(forgotten))
    expect(audit.acceptedEvents).toBe(4_000)
  })

  it('names every event that was stored twice', async () => {
    const twiceAt = new Set(seededPositions(23, FAULTS, 800))
    const doubled: MemoryRow[] = []
    await using server = await startTruthServer((arrival, running) => {
      ackAndStore(arrival, running)
      if (!twiceAt.has(arrival.number)) return
      const rows = arrival.events.map(rowOf)
      running.stored.push(...rows)
      doubled.push(...rows)
    })
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(400, 2)],
      client,
    })
    const audit = await auditOf(run, server.stored)
    expect(audit.verdict).toBe('broken')
    expect([...audit.duplicated].sort()).toEqual(namesOf(doubled))
    expect(audit).toMatchObject({ lostEvents: 0, duplicatedRows: FAULTS })
  })

  it('allows an unanswered event to be stored or not', async () => {
    const silentAt = new Set(seededPositions(24, FAULTS, 600))
    const random = seeded(25)
    await using server = await startTruthServer((arrival, running) => {
      if (!silentAt.has(arrival.number)) ackAndStore(arrival, running)
      else if (random() < 0.5) running.stored.push(...arrival.events.map(rowOf))
    })
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(300, 2)],
      client,
      requestTimeoutMs: 1_500,
    })
    const audit = await auditOf(run, server.stored)
    expect(audit).toMatchObject({ verdict: 'whole', unknownEvents: FAULTS, lostEvents: 0 })
    expect(audit.storedRows).toBe(server.stored.length)
  })

  it('names what a service that acknowledges before it stores had not stored when it was killed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'headroom-forgetful-'))
    await using service = await Forgetful.start(dir)
    await using run = await runDriver(
      { url: service.url, segments: [constantSegment(400, 9)], client, connections: 8 },
      async (_driver, epochMs) => {
        const random = seeded(26)
        for (let kill = 0; kill < 20; kill++) {
          await delay(epochMs + 250 + kill * 420 + random() * 200 - epochNowMs())
          await service.killAndRestart()
        }
      },
    )
    await service.settle()
    expectConsistent(run)
    expect(service.kills).toBe(20)

    const stored = await service.rows('stored')
    const acked = new Set(namesOf(await service.rows('acked')))
    const kept = new Set(namesOf(stored))
    const accepted = requestsWith(run, 'accepted').map(
      (request) => `${run.stream.sourceOf(request)}/${run.stream.idOf(request)}`,
    )
    // The driver believes in no ack that the service never gave …
    expect(accepted.filter((name) => !acked.has(name))).toEqual([])
    // … and knows of every ack but those that the kill caught on the way.
    const onTheWay = acked.size - accepted.length
    expect(onTheWay).toBeLessThanOrEqual(requestsWith(run, 'unknown').length)
    const lost = accepted.filter((name) => !kept.has(name)).sort()
    expect(lost.length).toBeGreaterThan(20)
    const audit = await auditOf(run, stored)
    expect(audit.verdict).toBe('broken')
    expect([...audit.lost].sort()).toEqual(lost)
    expect(audit.duplicatedRows).toBe(0)
  })
})

/** test/truth/forgetful-service.mjs as a process of its own, so that it can be killed for real. */
class Forgetful implements AsyncDisposable {
  kills = 0
  readonly #dir: string
  #child: ChildProcess
  #port: number

  private constructor(dir: string, child: ChildProcess, port: number) {
    this.#dir = dir
    this.#child = child
    this.#port = port
  }

  static async start(dir: string): Promise<Forgetful> {
    await writeFile(join(dir, 'acked'), '')
    await writeFile(join(dir, 'stored'), '')
    const { child, port } = await launch(dir, 0)
    return new Forgetful(dir, child, port)
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`
  }

  async killAndRestart(): Promise<void> {
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
    this.kills++
    const { child } = await launch(this.#dir, this.#port)
    this.#child = child
  }

  /** Waits until what is pending has been stored. */
  async settle(): Promise<void> {
    for (let before = -1, now = 0; before !== now;) {
      before = now
      await delay(250)
      now = (await this.rows('stored')).length
    }
  }

  async rows(file: 'acked' | 'stored'): Promise<readonly MemoryRow[]> {
    const lines = (await readFile(join(this.#dir, file), 'utf8')).split('\n')
    return lines.filter(Boolean).map((line) => JSON.parse(line))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGKILL')
      await once(this.#child, 'exit')
    }
    await rm(this.#dir, { recursive: true })
  }
}

async function launch(
  dir: string,
  port: number,
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const entry = join(import.meta.dirname, '../truth/forgetful-service.mjs')
  const child = spawn(
    process.execPath,
    [entry, String(port), join(dir, 'acked'), join(dir, 'stored')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, port: Number(line.toString().trim()) }
}
