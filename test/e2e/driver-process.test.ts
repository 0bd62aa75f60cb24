/** The driver as a process: it brings a result home, or an error that says why not; it never outlives who asked. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningDriver, StartDriverOptions } from '../../src/drive/driver.ts'
import { startDriver } from '../../src/drive/driver.ts'
import type { DriverJob } from '../../src/drive/job.ts'
import { compiledEntry } from '../../src/kit/paths.ts'
import { EventPopulation } from '../../src/scenario/scenario.ts'
import { expectConsistent } from '../truth/checks.ts'
import { constantSegment, runDriver, wholeJob } from '../truth/driver-run.ts'
import {
  acceptedText,
  ackAndStore,
  answerText,
  epochNowMs,
  startTruthServer,
} from '../truth/truth-server.ts'

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'headroom-process-'))
})
afterAll(async () => {
  await rm(dir, { recursive: true, force: true })
})

function start(
  job: Partial<DriverJob> & Pick<DriverJob, 'url'>,
  options: Partial<StartDriverOptions> = {},
): Promise<RunningDriver> {
  return startDriver(wholeJob({ segments: [constantSegment(100, 20)], ...job }, dir), {
    signal: new AbortController().signal,
    log: () => undefined,
    onWindow: () => undefined,
    onQuery: () => undefined,
    ...options,
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function goneWithin(pid: number, ms: number): Promise<boolean> {
  for (let waited = 0; waited < ms; waited += 20) {
    if (!isAlive(pid)) return true
    await delay(20)
  }
  return false
}

describe('driver process', () => {
  it('tells DRIVER_CRASHED when it dies in the middle of a run', async () => {
    await using server = await startTruthServer(ackAndStore)
    await using driver = await start({ url: server.url })
    driver.go(epochNowMs() + 50)
    await delay(400)
    const [pid] = driver.part.pids()
    process.kill(pid!, 'SIGKILL')
    await expect(driver.result).rejects.toMatchObject({ code: 'DRIVER_CRASHED', exitCode: 70 })
    expect(driver.part.pids()).toEqual([])
  })

  it('ends at once, without a result, when its signal is aborted', async () => {
    await using server = await startTruthServer(ackAndStore)
    const abort = new AbortController()
    await using driver = await start({ url: server.url }, { signal: abort.signal })
    driver.go(epochNowMs() + 50)
    await delay(200)
    const [pid] = driver.part.pids()
    abort.abort(new Error('the user has had enough'))
    await expect(driver.result).rejects.toThrow('the user has had enough')
    expect(await goneWithin(pid!, 3_000)).toBe(true)
  })

  it('does not outlive a harness that is killed', async () => {
    const harness = join(dir, 'harness.mjs')
    await writeFile(
      harness,
      `import { fork } from 'node:child_process'
       const child = fork(${JSON.stringify(compiledEntry('src/drive/main.ts'))})
       process.stdout.write(String(child.pid) + '\\n')
       setInterval(() => undefined, 1000)`,
    )
    const parent = spawn(process.execPath, [harness], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString().trim())
    await delay(300)
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    expect(await goneWithin(pid, 3_000)).toBe(true)
  })

  it('brings home an empty result when it is stopped before it went', async () => {
    await using server = await startTruthServer(ackAndStore)
    await using driver = await start({ url: server.url })
    driver.stop()
    const result = await driver.result
    expect(result).toMatchObject({ requests: 0, stoppedAtMs: 0, segments: [] })
    expect(server.arrivals).toEqual([])
  })

  it('says what is wrong with a job before anything is sent', async () => {
    await expect(start({ url: 'https://127.0.0.1:1/' })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      hint: 'set client: undici in the scenario',
    })
    await expect(
      start({ url: 'http://127.0.0.1:1/', headers: { 'bad name': 'x' } }),
    ).rejects.toThrow('the header "bad name" cannot be sent')
    const missing = join(dir, 'not', 'there.bin')
    await expect(start({ url: 'http://127.0.0.1:1/', outcomesFile: missing })).rejects.toThrow(
      'ENOENT',
    )
  })

  it('goes on after it was frozen, with the due times it had', async () => {
    await using server = await startTruthServer(ackAndStore)
    await using run = await runDriver(
      { url: server.url, segments: [constantSegment(200, 2)] },
      async (driver) => {
        await delay(600)
        await driver.part.fault('freeze')
        await delay(500)
        await driver.part.fault('thaw')
      },
    )
    expect(expectConsistent(run)).toMatchObject({ accepted: 400 })
    // The driver's own fault is on record as its send delay.
    const late = run.outcomes.filter(
      ({ ackMs }, request) => ackMs! - run.schedule.dueMs(request) > 100,
    )
    expect(late.length).toBeGreaterThan(50)
  })

  it('asks its queries at their intervals and carries its headers', async () => {
    const paths: string[] = []
    await using server = await startTruthServer((arrival, running) => {
      const { method, path, headers, socket } = arrival
      expect(headers.toLowerCase()).toContain('authorization: bearer t0ken')
      if (method === 'POST') {
        ackAndStore(arrival, running)
        return
      }
      paths.push(path)
      if (path.includes('/Q3')) socket.write(answerText(500, 'no'))
      else
        socket.write(
          answerText(200, '{"rows":[1,2],"stale":true,"meta":{"rowsRead":7,"bytesRead":null}}'),
        )
    })
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(200, 3)],
      headers: { Authorization: 'Bearer t0ken' },
      queries: [
        { name: 'Q1', everyS: 0.5 },
        { name: 'Q3', everyS: 1 },
        { name: 'Q4', everyS: 1 },
      ],
    })
    expectConsistent(run)
    expect(run.queries).toEqual(run.result.queries)
    const of = (name: string) => run.queries.filter((query) => query.name === name)
    expect(of('Q1').length).toBeGreaterThanOrEqual(4)
    expect(of('Q1')[0]).toMatchObject({
      ...{ outcome: 'ok', rows: 2, rowsRead: 7, bytesRead: null },
      stale: true,
    })
    expect(of('Q3')[0]).toMatchObject({ outcome: 'error', rows: null, error: 'HTTP 500' })
    const [q1, q4] = ['/Q1', '/Q4'].map(
      (name) =>
        new URL(
          paths.find((path) => path.includes(name))!,
          server.url,
        ).searchParams,
    )
    // Event time, not wall clock: the job's events happen at the start of 2026.
    expect(q1!.get('asOf')).toMatch(/^2026-01-01T00:00:00/)
    const id = q4!.get('transaction_id')!
    expect(server.stored.some((row) => row.id === id)).toBe(true)
  })

  it('reads entities that it wrote, and says which answers lack what was acknowledged', async () => {
    const shown = new Map<string, Record<string, { written: string; value: unknown }>>()
    const broken = new Set<string>()
    await using server = await startTruthServer(({ method, path, events, socket }) => {
      if (method === 'POST') {
        for (const event of events as unknown as Record<string, unknown>[]) {
          if (event['critical'] !== true) continue
          const { tenant_id, entity_id, attribute, written_at, write_id, value } = event
          const key = `/v1/entities/${String(tenant_id)}/${String(entity_id)}`
          const attributes = shown.get(key) ?? {}
          const written = `${String(written_at)}/${String(write_id)}`
          const known = attributes[String(attribute)]
          if (known === undefined || known.written < written) {
            attributes[String(attribute)] = { written, value }
          }
          shown.set(key, attributes)
        }
        socket.write(acceptedText(events.length))
        return
      }
      const attributes = shown.get(path)
      const values = Object.entries(attributes ?? {}).map(([name, { value }]) => [name, value])
      const isEntity = attributes !== undefined && broken.has(path)
      broken.add(path)
      const level = 'X-Consistency-Level: strong\r\n'
      const body = isEntity
        ? { entity: { hot_attrs: Object.fromEntries(values) as object }, stale: false }
        : { error: 'NO_SUCH_ENTITY', message: 'nothing', stale: false }
      socket.write(answerText(isEntity ? 200 : 404, JSON.stringify(body), level))
    })
    const population = { organizations: 1, customers: 3, codes: 5, outOfOrderRatio: 0.3 }
    await using run = await runDriver({
      url: server.url,
      segments: [constantSegment(200, 2)],
      stream: {
        ...{ source: 'generated', shape: 'eav', seed: 7, shapeSettings: { criticalRatio: 0.6 } },
        events: EventPopulation.parse(population),
      },
      queries: [{ name: 'entity', everyS: 0.05 }],
    })
    // Each of the entities is withheld once.
    const lacking = run.result.queries.filter(({ lacksWrite }) => lacksWrite === true)
    expect(lacking).toHaveLength(broken.size)
    const compared = run.result.queries.filter(({ lacksWrite }) => lacksWrite === false)
    expect(compared.length).toBe(run.result.queries.length - broken.size)
    expect(compared.length).toBeGreaterThan(15)
    expect(compared[0]).toMatchObject({ outcome: 'ok', stale: false, error: null })
  })

  it.each(['metro', 'tick'] as const)(
    'keeps a Poisson schedule with the %s pacing',
    async (pacing) => {
      await using server = await startTruthServer(ackAndStore)
      await using run = await runDriver({
        url: server.url,
        segments: [constantSegment(400, 1), { ...constantSegment(50, 1), fromS: 1, toS: 2 }],
        spacing: 'poisson',
        pacing,
      })
      expectConsistent(run)
      expect(run.result.driver.pacing).toBe(pacing)
      expect(run.result.segments.map(({ requests }) => requests)).toEqual([
        run.schedule.requestsBefore(1_000),
        run.schedule.requests - run.schedule.requestsBefore(1_000),
      ])
    },
  )
})
