/**
 * A service of the user's own -> a running target. In: its target, the addresses of his servers, the run's mark. Out: an
 * address that answers, the engines behind it to look at, and a way to learn what was stored. Nothing of his is changed.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Promises } from '../architecture/architecture.ts'
import type { Evidence } from '../architecture/evidence.ts'
import type { StoringKind, ObservedServer } from '../engines/engine.ts'
import { observeEngine, openStatement } from '../engines/observe.ts'
import { howToName } from '../engines/kinds.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import { Scope } from '../kit/scope.ts'
import { tlsFailureOf } from '../kit/tls.ts'
import { maybeTls, refuseStranger, requireTables } from './service-checks.ts'
import { openServiceProcess } from './service-process.ts'
import type { ServiceProcess } from './service-process.ts'
import { ServiceReads } from './service-reads.ts'
import type { ServiceRequests } from './service-speech.ts'
import { requestsOf } from './service-speech.ts'
import type { ServiceTarget } from './service-target.ts'
import { statementText } from './statement-text.ts'
import type { Crash, ExternalAddresses, RunningTarget, TargetFacts, UpOptions } from './up.ts'

/** A service that was not started here should be there already. */
const READY_WITHIN_S = 5
const ASK_EVERY_MS = 100
const ASK_TIMEOUT_MS = 2_000
const TLS_WORDS = {
  nameCa: 'ca: in the target',
  nameClient: 'Headroom shows none to a service; let a proxy do it',
  askForPlain: 'url: http://…',
}

export function factsOfService(target: ServiceTarget): TargetFacts {
  const { url, request, audit, engines, process } = target
  return {
    id: 'service',
    title: `${target.name}, a service of your own`,
    settings: {
      url,
      speaks: request === undefined ? 'the HTTP contract' : `${request.method} ${request.path}`,
      audit: audit.by,
      process: process === undefined ? 'not seen' : 'seen',
    },
    promises: promisesOf(target),
    partsToOperate: ['service', ...Object.values(engines).map(({ kind }) => kind)],
    queries: target.queries,
  }
}

export async function bringUpService(
  target: ServiceTarget,
  options: UpOptions,
): Promise<RunningTarget> {
  const requests = requestsOf(target, { env: options.env ?? process.env, mark: options.mark ?? '' })
  await using scope = new Scope()
  const engines = await lookAtEngines(target, options, scope)
  await refuseStranger(target, options.signal)
  const process_ =
    target.process === undefined
      ? null
      : scope.use(
          await openServiceProcess(target.process, {
            name: target.name,
            logDir: options.logDir,
            constants: requests.speech.constants,
          }),
        )
  await untilItAnswers(target, { requests, process: process_, signal: options.signal })
  await requireTables(target, engines, options.signal)
  const evidence = await evidenceOf(target, { requests, options, scope })
  const owned = scope.move()
  return {
    target,
    facts: factsOfService(target),
    promises: promisesOf(target),
    engines,
    running: {
      ingestUrl: requests.url,
      parts: process_ === null ? [] : [process_.part],
      probes: [],
      stores: [],
    },
    evidence,
    sized: engines.flatMap(({ engine }) => engine.tables),
    requests,
    checkpoints: Object.values(target.engines).some(({ checkpoint }) => checkpoint),
    crashed: Promise.race([
      ...engines.map(async ({ engine }): Promise<Crash> => ({
        by: 'engine',
        message: await engine.crashed,
      })),
      ...(process_ === null
        ? []
        : [process_.crashed.then((message): Crash => ({ by: 'service', message }))]),
      // A race of nobody would never settle either; said, so that it is no accident.
      new Promise<Crash>(() => undefined),
    ]),
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  }
}

/** What records and reports call what the audit reads. */
function storeNameOf({ name, audit }: ServiceTarget): string {
  return audit.by === 'sql' ? `${name}.${audit.engine}` : `${name}.${audit.by}`
}

function promisesOf(target: ServiceTarget): Promises {
  const { ack, survives, delivery, readAfterAck, duplicates } = target.promises
  const promise = { survives, delivery, readAfterAck, duplicates }
  return { ack, stores: [{ store: storeNameOf(target), ...promise }] }
}

async function lookAtEngines(
  target: ServiceTarget,
  options: UpOptions,
  scope: Scope,
): Promise<{ readonly role: string; readonly engine: ObservedServer }[]> {
  const engines: { readonly role: string; readonly engine: ObservedServer }[] = []
  for (const [role, { kind, tables, checkpoint }] of Object.entries(target.engines)) {
    const address = options.external[kind]
    if (address === undefined) {
      options.log(
        `${role}: no address of a ${kind} is given, so nothing of it is seen; ${howToName(kind)}`,
      )
      continue
    }
    const startedAtMs = performance.now()
    const { signal } = options
    const engine = scope.use(
      await observeEngine(kind, address, { name: role, tables, checkpoint, signal }),
    )
    engines.push({ role, engine })
    options.onEngineReady(engine, performance.now() - startedAtMs)
  }
  return engines
}

async function evidenceOf(
  target: ServiceTarget,
  made: {
    readonly requests: ServiceRequests
    readonly options: UpOptions
    readonly scope: Scope
  },
): Promise<Evidence> {
  const { audit } = target
  const { requests, options, scope } = made
  const name = storeNameOf(target)
  switch (audit.by) {
    case 'none':
      return { by: 'none', because: 'the target says audit: {by: none}' }
    case 'reads':
      return {
        by: 'reads',
        reader: scope.use(new ServiceReads(name, audit, { target, requests })),
        settleS: audit.settleS,
      }
    case 'sql': {
      const statement = statementText(audit.statement, {
        startedAt: options.startedAt ?? new Date(),
        mark: options.mark ?? '',
      })
      const store = await openAudit(audit.engine, options.external, {
        name,
        statement,
        signal: options.signal,
      })
      return { by: 'statement', store: scope.use(store), settleS: audit.settleS }
    }
  }
}

async function openAudit(
  kind: StoringKind,
  external: ExternalAddresses,
  options: Parameters<typeof openStatement>[2],
): ReturnType<typeof openStatement> {
  const address = external[kind]
  if (address === undefined) {
    throw new HeadroomError('BAD_INPUT', `the audit reads a ${kind}, but none is named`, {
      hint: howToName(kind),
    })
  }
  return await openStatement(kind, address, options)
}

/** Any answer will do: what it says is the measurement's matter. */
async function untilItAnswers(
  target: ServiceTarget,
  given: {
    readonly requests: ServiceRequests
    readonly process: ServiceProcess | null
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { requests, process, signal } = given
  const started =
    target.process !== undefined && 'command' in target.process ? target.process : null
  const withinS = started?.readyWithinS ?? READY_WITHIN_S
  const deadlineMs = performance.now() + withinS * 1_000
  await using scope = new Scope()
  const ask = questionOf(target, requests, scope)
  for (;;) {
    signal.throwIfAborted()
    const ended = process?.ended() ?? null
    if (ended !== null)
      throw new HeadroomError('SERVICE_NOT_READY', ended, { hint: 'see logs/service.log' })
    const because = await ask(signal)
    if (because === null) return
    if (performance.now() > deadlineMs) {
      throw new HeadroomError(
        'SERVICE_NOT_READY',
        `${target.name} does not answer at ${target.url}: ${because}`,
        {
          hint:
            started === null
              ? 'is it running, and is this its address? Headroom starts it where the target has process.command'
              : `it had ${String(withinS)} s; see logs/service.log, or raise process.readyWithinS`,
        },
      )
    }
    await delay(ASK_EVERY_MS, undefined, { signal })
  }
}

/** null: it is ready; else what is in the way. */
function questionOf(
  target: ServiceTarget,
  { headers, ca }: ServiceRequests,
  scope: Scope,
): (signal: AbortSignal) => Promise<string | null> {
  const url = new URL(target.url)
  const pool = new Pool(url.origin, {
    connections: 1,
    connect: {
      timeout: ASK_TIMEOUT_MS,
      rejectUnauthorized: true,
      ...(ca === null ? {} : { ca }),
    },
  })
  scope.defer(() => pool.destroy())
  const readyPath =
    target.process !== undefined && 'command' in target.process
      ? target.process.readyPath
      : undefined
  const path = url.pathname.replace(/\/+$/, '') + (readyPath ?? '/')
  return async (signal) => {
    try {
      const { statusCode, body } = await pool.request({
        method: 'GET',
        path,
        headers,
        signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]),
      })
      await body.dump()
      const isReady = readyPath === undefined || (statusCode >= 200 && statusCode < 300)
      return isReady ? null : `GET ${path} answers ${String(statusCode)}`
    } catch (error) {
      signal.throwIfAborted()
      const wrong = tlsFailureOf(error, { ca, checkHost: true, client: null }, TLS_WORDS)
      if (wrong === null) return `${messageOf(error) || 'no answer'}${maybeTls(url, error)}`
      throw new HeadroomError(
        'SERVICE_NOT_READY',
        `${target.name} at ${url.origin} ${wrong.message}`,
        {
          hint: wrong.remedy,
          cause: error,
        },
      )
    }
  }
}
