/** What the schema cannot say of a service of the user's own. In: a parsed target. Out: findings, each with its remedy. */
import { resolve } from 'node:path'
import type { Finding } from '../kit/yaml-door.ts'
import type { JsonValue } from '../shapes/event-template.ts'
import {
  EVENT_PLACEHOLDERS,
  isConstant,
  templateProblems,
  textsIn,
} from '../shapes/event-template.ts'
import { shapes } from '../shapes/registry.ts'
import { STATEMENT_PLACEHOLDERS } from './statement-text.ts'
import type { AnswerRules, ServiceTarget } from './service-target.ts'

type Path = Finding['path']

const SECRET_IN_ARGUMENTS: Finding = {
  path: ['process', 'command'],
  message: 'arguments are visible to every user of the machine',
  remedy: 'hand it over under process.env',
}
const NO_EVENT_IN_PATH: Finding = {
  path: ['audit', 'path'],
  message: 'does not name the event',
  remedy: 'write ${transaction_id} where its id goes',
}
const CONSTANTS = ['run', 'env'] as const
const OF_EVENTS = [...EVENT_PLACEHOLDERS, 'env'] as const
const IDENTITY = Object.values(shapes).flatMap(({ columns }) => [columns.source, columns.id])
const READ_PLACEHOLDERS = [...IDENTITY, ...CONSTANTS]
const IDS = Object.values(shapes).map(({ columns }) => '${' + columns.id)
/** Such headers say who somebody is; a file that is shared, and a record, should not. */
const SECRET_HEADER = /auth|token|secret|cookie|credential|password|api-?key|access-?key/i

export function serviceFindings(target: ServiceTarget): readonly Finding[] {
  return [
    ...addressFindings(target),
    ...headerFindings(target.headers, ['headers'], CONSTANTS),
    ...requestFindings(target),
    ...answerFindings(target),
    ...auditFindings(target),
    ...processFindings(target),
  ]
}

/** Files are named relative to the target file. */
export function withAbsolutePaths(target: ServiceTarget, dir: string): ServiceTarget {
  const { ca, process } = target
  return {
    ...target,
    ...(ca === undefined ? {} : { ca: resolve(dir, ca) }),
    ...(process === undefined
      ? {}
      : {
          process:
            'command' in process
              ? { ...process, cwd: resolve(dir, process.cwd) }
              : 'pidFile' in process
                ? { pidFile: resolve(dir, process.pidFile) }
                : process,
        }),
  }
}

function addressFindings({ url, ca }: ServiceTarget): readonly Finding[] {
  const address = new URL(url)
  const findings: Finding[] = []
  if (address.username !== '' || address.password !== '') {
    findings.push({
      path: ['url'],
      message: 'the address holds a user or password',
      remedy: 'send them as a header from the environment: authorization: Basic ${env.INGEST_AUTH}',
    })
  }
  if (address.search !== '' || address.hash !== '') {
    findings.push({
      path: ['url'],
      message: 'the address holds a query or a fragment',
      remedy: 'put what stands behind ? into request.path',
    })
  }
  if (ca !== undefined && address.protocol !== 'https:') {
    findings.push({
      path: ['ca'],
      message: 'a certificate authority for an address without TLS',
      remedy: 'write https://, or take ca away',
    })
  }
  return findings
}

function headerFindings(
  headers: Readonly<Record<string, string>>,
  path: Path,
  known: readonly string[],
): readonly Finding[] {
  return Object.entries(headers).flatMap(([name, text]) => {
    const at = [...path, name]
    if (SECRET_HEADER.test(name) && !text.includes('${')) {
      return [
        {
          path: at,
          message: `${name} is written out in the file`,
          remedy: `take it from the environment, so that it is in no file and no record: ${name}: "\${env.INGEST_KEY}"`,
        },
      ]
    }
    return textFindings(text, at, known)
  })
}

function requestFindings({ request, answers }: ServiceTarget): readonly Finding[] {
  if (request === undefined) return []
  const path = ['request']
  const { batch, event, around } = request.body
  const isOne = batch === 'one'
  const findings: Finding[] = [
    ...textFindings(request.path, [...path, 'path'], OF_EVENTS),
    ...headerFindings(request.headers, [...path, 'headers'], OF_EVENTS),
    ...jsonFindings(event, [...path, 'body', 'event'], OF_EVENTS),
  ]
  const texts = [request.path, ...Object.values(request.headers)]
  if (!isOne && texts.some((text) => !isConstant(text))) {
    findings.push({
      path: [...path, 'path'],
      message: 'path or headers name a field of the event, but a request holds several events',
      remedy: 'set batch: one, or leave the field out',
    })
  }
  if (batch === 'array' && typeof event === 'string') {
    findings.push({
      path: [...path, 'body', 'batch'],
      message: 'an array is JSON, but the event is a text',
      remedy: 'set batch: lines, or write the event as JSON',
    })
  }
  if (around !== undefined) findings.push(...aroundFindings(around, batch))
  if (answers?.items !== undefined && isOne) {
    findings.push({
      path: ['answers', 'items'],
      message: 'items are told apart, but a request holds one event',
      remedy: 'use answers.accepted.body, or set request.body.batch',
    })
  }
  return findings
}

function aroundFindings(around: JsonValue, batch: string): readonly Finding[] {
  const path = ['request', 'body', 'around']
  if (batch !== 'array') {
    return [{ path, message: 'stands around an array only', remedy: 'set batch: array' }]
  }
  const naming = textsIn(around).filter((text) => text.includes('${events}'))
  if (naming.length !== 1 || naming[0] !== '${events}') {
    return [
      {
        path,
        message: 'does not say once where the events go',
        remedy: 'write "${events}" as the value of one key: {batch: "${events}"}',
      },
    ]
  }
  return jsonFindings(around, path, [...CONSTANTS, 'events'])
}

function answerFindings({ answers }: ServiceTarget): readonly Finding[] {
  if (answers === undefined) return []
  const { accepted, duplicate, rejected, shed } = answers
  return Object.entries({ accepted, duplicate, rejected, shed }).flatMap(([name, rule]) =>
    ruleFindings(rule, ['answers', name]),
  )
}

/** A rule that names nothing would fit every answer: whatever the service says would count as it. */
function ruleFindings({ status, body }: AnswerRules['accepted'], path: Path): readonly Finding[] {
  if (status !== undefined || Object.keys(body ?? {}).length > 0) return []
  return [
    {
      path,
      message: 'names neither a status nor a field of the body, so that every answer fits',
      remedy: 'say how such an answer is known: {status: 200} or {body: {state: stored}}',
    },
  ]
}

function auditFindings({ audit, request, promises }: ServiceTarget): readonly Finding[] {
  switch (audit.by) {
    case 'reads':
      return [
        ...textFindings(audit.path, ['audit', 'path'], READ_PLACEHOLDERS),
        ...ruleFindings(audit.found, ['audit', 'found']),
        ...ruleFindings(audit.missing, ['audit', 'missing']),
        ...(IDS.some((id) => audit.path.includes(id)) ? [] : [NO_EVENT_IN_PATH]),
      ]
    case 'sql':
      return textFindings(audit.statement, ['audit', 'statement'], STATEMENT_PLACEHOLDERS)
    case 'none':
      return request === undefined && promises.delivery === 'exactly-once'
        ? [
            {
              path: ['promises', 'delivery'],
              message: 'exactly once is promised, and nothing looks whether it is kept',
              remedy: 'audit by reads or by sql',
            },
          ]
        : []
  }
}

function processFindings({ process }: ServiceTarget): readonly Finding[] {
  if (process === undefined || !('command' in process)) return []
  const isInArguments = process.command.some((text) => text.includes('${env.'))
  return [
    ...(isInArguments ? [SECRET_IN_ARGUMENTS] : []),
    ...Object.entries(process.env).flatMap(([name, text]) =>
      textFindings(text, ['process', 'env', name], CONSTANTS),
    ),
  ]
}

function jsonFindings(value: JsonValue, path: Path, known: readonly string[]): readonly Finding[] {
  if (typeof value === 'string') return textFindings(value, path, known)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) =>
    jsonFindings(item, [...path, Array.isArray(value) ? Number(key) : key], known),
  )
}

function textFindings(text: string, path: Path, known: readonly string[]): Finding[] {
  return templateProblems(text, known).map((problem) => ({ path, ...problem }))
}
