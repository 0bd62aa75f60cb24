/**
 * How a service of the user's own is spoken to. In: its target and the environment. Out: what the driver is told, with
 * every `${env.NAME}` looked up. What comes out holds secrets: it goes to the driver over IPC and nowhere else.
 */
import { readFileSync } from 'node:fs'
import type { AnswerSpeech, ServiceSpeech } from '../drive/job.ts'
import type { AnswerCondition, Scalar } from '../kit/answer-condition.ts'
import { HeadroomError, messageOf } from '../kit/errors.ts'
import { environmentOf, textTemplate, textsIn } from '../shapes/event-template.ts'
import type { AnswerRules, ServiceTarget } from './service-target.ts'
import { placeOfText } from './target-source.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** What the driver needs to know of a service. */
export interface ServiceRequests {
  /** Where events go. */
  readonly url: URL
  /** Sent with everything; `${env.NAME}` is looked up. */
  readonly headers: Readonly<Record<string, string>>
  readonly ca: string | null
  readonly speech: ServiceSpeech
}

/** @throws HeadroomError BAD_INPUT for a variable that is not set, FILE_NOT_FOUND for the CA */
export function requestsOf(
  target: ServiceTarget,
  given: { readonly env: Env; readonly mark: string },
): ServiceRequests {
  const { request } = target
  const constants = { ...constantsOf(target, given.env), run: given.mark }
  const base = target.url.replace(/\/+$/, '')
  return {
    url: new URL(request === undefined ? `${base}/v1/events` : base),
    headers: headersOf(target, constants),
    ca: caOf(target),
    speech: {
      request:
        request === undefined
          ? null
          : {
              method: request.method,
              path: request.path,
              headers: request.headers,
              event: request.body.event,
              batch: request.body.batch,
              around: request.body.around ?? null,
            },
      answers: answersOf(target),
      constants,
    },
  }
}

/** Headers that go with everything, ready to be sent. */
export function headersOf(
  target: Pick<ServiceTarget, 'headers'>,
  constants: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(target.headers).map(([name, text]) => [name, textTemplate(text, constants)({})]),
  )
}

/** `env.NAME` → value, for every variable the target names. */
export function constantsOf(target: ServiceTarget, env: Env): Readonly<Record<string, string>> {
  const names = environmentNames(target)
  const missing = names.filter((name) => (env[name] ?? '') === '')
  if (missing.length > 0) {
    const list = missing.map((name) => `${name} (${placeOfText(target, `env.${name}`)})`).join(', ')
    throw new HeadroomError(
      'BAD_INPUT',
      `target ${target.name} takes ${list} from the environment, where it is not set`,
      {
        hint: `export ${missing.map((name) => `${name}=…`).join(' ')} first, or take it out of the target`,
      },
    )
  }
  return Object.fromEntries(names.map((name) => [`env.${name}`, env[name] ?? '']))
}

/** Values that must appear in nothing that is written. */
export function secretsOf(target: ServiceTarget, env: Env): readonly string[] {
  return environmentNames(target).flatMap((name) => env[name] ?? [])
}

function environmentNames(target: ServiceTarget): readonly string[] {
  const { request, audit, process } = target
  const texts = [
    ...Object.values(target.headers),
    ...(request === undefined
      ? []
      : [
          request.path,
          ...Object.values(request.headers),
          ...textsIn(request.body.event),
          ...textsIn(request.body.around ?? null),
        ]),
    ...(audit.by === 'reads' ? [audit.path] : []),
    ...(process !== undefined && 'command' in process ? Object.values(process.env) : []),
  ]
  return [...new Set(texts.flatMap(environmentOf))]
}

export function caOf({ ca }: Pick<ServiceTarget, 'ca'>): string | null {
  if (ca === undefined) return null
  try {
    return readFileSync(ca, 'utf8')
  } catch (error) {
    throw new HeadroomError('FILE_NOT_FOUND', `cannot read the CA ${ca}: ${messageOf(error)}`, {
      hint: 'ca: names a PEM file, relative to the target file',
    })
  }
}

function answersOf({ answers, request }: ServiceTarget): AnswerSpeech | null {
  // A service that speaks the contract says itself what became of each event.
  if (answers === undefined) return request === undefined ? null : DEFAULT_ANSWERS
  const { items } = answers
  return {
    accepted: conditionOf(answers.accepted),
    duplicate: conditionOf(answers.duplicate),
    rejected: conditionOf(answers.rejected),
    shed: conditionOf(answers.shed),
    items:
      items === undefined
        ? null
        : {
            at: items.at,
            field: items.field,
            accepted: listOf(items.accepted),
            duplicate: listOf(items.duplicate ?? []),
            rejected: listOf(items.rejected ?? []),
          },
  }
}

const DEFAULT_ANSWERS: AnswerSpeech = {
  accepted: { statuses: [2], body: [] },
  duplicate: { statuses: [409], body: [] },
  rejected: { statuses: [4], body: [] },
  shed: { statuses: [429, 503], body: [] },
  items: null,
}

export function conditionOf({ status, body }: AnswerRules['accepted']): AnswerCondition {
  return {
    statuses: status === undefined ? null : listOf(status).map(statusOf),
    body: Object.entries(body ?? {}).map(([path, values]) => ({
      path,
      values: listOf<Scalar>(values),
    })),
  }
}

function statusOf(status: string | number): number {
  return typeof status === 'number' ? status : Number(status.charAt(0))
}

function listOf<T extends Scalar>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T]
}
