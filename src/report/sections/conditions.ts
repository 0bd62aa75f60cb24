/** Under which conditions all of this was measured, and how to do it again. */
import { roundName } from '../../results/made-again.ts'
import { findMetric, parseMetricKey } from '../../collect/metrics.ts'
import {
  formatBytes,
  formatCount,
  formatDurationS,
  formatDurationUs,
  formatNumber,
  formatQuantity,
  formatRate,
  formatRatio,
} from '../../kit/units.ts'
import type { RunRecord } from '../../results/record.ts'
import type { RateShape } from '../../scenario/scenario.ts'
import { html, nothing } from '../markup.ts'
import type { Insertable, Markup } from '../markup.ts'
import { measuredOf } from '../study-view.ts'
import type { StudyView } from '../study-view.ts'
import { factTable } from './table.ts'
import { utc } from './words.ts'

/** Hexadecimal digits of a hash that are enough to tell records apart. */
const HASH_SHOWN = 16
/** `sha256:` and twelve digits. */
const IMAGE_ID_SHOWN = 19

export type Pair = readonly [term: string, definition: string | Markup]

export interface ConditionsOptions {
  /** SHA-256 of each record, by run id. */
  readonly recordSha256: ReadonlyMap<string, string>
}

export function conditionsSection(view: StudyView, options: ConditionsOptions): Markup {
  const { study } = view.findings
  return html`<section id="conditions" aria-labelledby="conditions-title">
    <h2 id="conditions-title">Conditions</h2>
    <h3>Do it again</h3>
    <p class="command">
      <code>${study.command}</code
      ><button type="button" class="copy" aria-label="Copy the command that makes this study again">
        Copy
      </button>
    </p>
    <div class="pairs">
      ${pairs('Machine', machinePairs(view))} ${pairs('Traffic', trafficPairs(view))}
      ${pairs('Profile', profilePairs(view))} ${pairs('Measuring', measuringPairs(view))}
    </div>
    ${targetConditions(view)} ${runTable(view, options)}
  </section>`
}

function pairs(title: string, entries: readonly Pair[]): Markup {
  return html`<div>
    <h3>${title}</h3>
    <dl class="pairs-list">
      ${entries.map(
        ([term, definition]) =>
          html`<div>
            <dt>${term}</dt>
            <dd>${definition}</dd>
          </div>`,
      )}
    </dl>
  </div>`
}

function machinePairs({ findings }: StudyView): readonly Pair[] {
  const machines = new Map(findings.runs.map((run) => [run.machine.fingerprint, run.machine]))
  return [...machines.values()].flatMap((machine): readonly Pair[] => [
    ['Processor', `${machine.cpu}, ${formatNumber(machine.cores)} cores`],
    ['Memory', formatBytes(machine.memoryBytes)],
    ['System', `${machine.os}, node ${machine.node}`],
    [
      'fsync of 8 KiB, median',
      machine.fsyncP50Us === null ? 'not measured' : formatDurationUs(machine.fsyncP50Us),
    ],
    ['Fingerprint', machine.fingerprint],
  ])
}

function trafficPairs({ findings }: StudyView): readonly Pair[] {
  const { scenario } = findings.study
  const { events, phases } = scenario
  const slos = scenario.slos.map(({ metric, max, windowS }) => {
    const { title, unit } = findMetric(metric) ?? { title: metric, unit: '' }
    const { label } = parseMetricKey(metric)
    const name = label === null ? title : `${title} of ${label}`
    return `${name} ≤ ${formatQuantity(max, unit)} over ${formatDurationS(windowS)}`
  })
  return [
    ['Scenario', `${scenario.name}, seed ${String(scenario.seed)}`],
    ['Rate', `${rateWords(scenario.rate)}, ${scenario.spacing} arrivals`],
    ['Warm-up and drain', `${formatDurationS(phases.warmupS)}, ${formatDurationS(phases.drainS)}`],
    ['Rows before the first event', rowsBeforeWords(findings)],
    [
      'Events',
      `${formatBytes(events.payloadBytes)}, ${events.identifiers}, ${formatRatio(events.compressibleRatio)} compressible, ${formatRatio(events.duplicateRatio)} sent twice`,
    ],
    [
      'Client',
      `${scenario.client}, ${formatCount(scenario.connections)} connections, ${formatCount(scenario.batchEvents)} per request, at most ${formatCount(scenario.inFlightRequestsMax)} in flight`,
    ],
    ['Limits asked for', slos.length === 0 ? 'none' : slos.join('; ')],
  ]
}

function rowsBeforeWords({ study }: StudyView['findings']): string {
  const own = study.targets.filter((target) => target.kind === 'service')
  const rows = formatCount(study.scenario.initialRows)
  if (own.length === 0) return rows
  const names = own.map((target) => target.name).join(', ')
  return own.length === study.targets.length
    ? `not known: the store of ${names} is not ours to fill`
    : `${rows}; in the store of ${names} not known`
}

function rateWords(rate: RateShape): string {
  switch (rate.kind) {
    case 'constant':
      return `${formatNumber(rate.ratePerS)} events/s`
    case 'steps':
      return `steps of ${rate.ratesPerS.map(formatNumber).join(', ')} events/s, ${formatDurationS(rate.stepS)} each`
    case 'ramp':
      return `ramp from ${formatNumber(rate.fromPerS)} to ${formatNumber(rate.toPerS)} events/s`
    case 'spike':
      return `${formatNumber(rate.basePerS)} events/s with a spike of ${formatNumber(rate.peakPerS)}`
    case 'recorded':
      return `recorded in ${rate.file}`
  }
}

function profilePairs({ findings }: StudyView): readonly Pair[] {
  const { profile } = findings.study
  const growth = profile.growthPerMonthRatio
  const { needs } = profile
  return [
    [
      'Profile',
      profile.description === '' ? profile.name : `${profile.name}: ${profile.description}`,
    ],
    [
      'Rate today',
      `${formatNumber(profile.ratePerS)} events/s, ${formatBytes(profile.eventBytes)} each`,
    ],
    [
      'Growth per month',
      growth.low === growth.high
        ? formatRatio(growth.mid)
        : `${formatRatio(growth.low)} to ${formatRatio(growth.high)}, likely ${formatRatio(growth.mid)}`,
    ],
    ['Kept', `${formatCount(profile.retentionDays)} days`],
    [
      'Needs',
      `replay of ${formatCount(needs.replayDays)} days, ${formatCount(needs.consumers)} consumers, answers at most ${formatDurationS(needs.freshnessS)} old, survives ${needs.durability}, ${formatCount(needs.regions)} ${needs.regions === 1 ? 'region' : 'regions'}`,
    ],
  ]
}

function measuringPairs({ findings }: StudyView): readonly Pair[] {
  const { study, runs } = findings
  const measured = runs.flatMap((run) => measuredOf(run) ?? [])
  const metric = (id: string): readonly number[] => measured.flatMap((one) => one.metrics[id] ?? [])
  const versions = new Set(runs.map((run) => `${run.headroom.version} (${run.headroom.commit})`))
  const extrapolated = findings.targets.flatMap((target) =>
    target.judgements.flatMap(({ trigger, verdict }) =>
      'evidence' in verdict && verdict.evidence === 'extrapolated'
        ? [`${trigger} of ${target.target}`]
        : [],
    ),
  )
  return [
    ['Headroom', [...versions].join(', ')],
    [
      'When',
      `${utc(study.startedAt)}, ${formatDurationS(study.tookS)} (estimated ${formatDurationS(study.estimatedS)})`,
    ],
    [
      'Rounds',
      `${formatCount(study.scenario.rounds)}, interleaved; ${formatCount(runs.length)} runs${againWords(runs)}`,
    ],
    [
      'Foreign CPU',
      worst(metric('machine.foreignCores'), (cores) => `${formatNumber(cores)} cores at worst`),
    ],
    ['Steal', worst(metric('machine.stealRatio'), (ratio) => `${formatRatio(ratio)} at worst`)],
    [
      'Cost of measuring',
      worst(
        measured.map((one) => one.probeCpuCores),
        (cores) => `${formatNumber(cores)} cores for harness and probes`,
      ),
    ],
    ['Extrapolated', extrapolated.length === 0 ? 'nothing' : extrapolated.join(', ')],
  ]
}

function againWords(runs: readonly RunRecord[]): string {
  const again = runs.filter(({ repeats }) => repeats !== undefined).length
  return again === 0 ? '' : `, ${formatCount(again)} of them in place of void ones`
}

function worst(values: readonly number[], words: (value: number) => string): string {
  return values.length === 0 ? 'not measured' : words(Math.max(...values))
}

/** Engines and settings of each target that differ from the defaults. */
function targetConditions(view: StudyView): Markup {
  const rows = view.targets.flatMap(({ name, runs }) => {
    const run = runs.at(-1)
    return run === undefined ? [] : [targetRow(name, run)]
  })
  if (rows.length === 0) return nothing
  const headings = ['target', 'architecture', 'engines', 'settings that differ', 'parts to operate']
  return html`<h3>Targets and engines</h3>
    ${factTable({ label: 'Targets and engines', headings, rows })}`
}

type Engine = RunRecord['engines'][number]

/** The label of a container names it already. */
function engineWords({ label, provider }: Engine): string {
  return provider === 'compose' ? label : `${label} (${provider})`
}

/** An image without a registry's digest was built or loaded there: it is not the official one, whatever its name. */
function imageWords({ name, id, digest }: NonNullable<Engine['image']>): string {
  return digest === null
    ? `image ${name}, no registry’s digest, id ${id.slice(0, IMAGE_ID_SHOWN)}`
    : `image ${name}@${digest}`
}

function targetRow(name: string, run: RunRecord): readonly Insertable[] {
  const settings = [
    ...Object.entries(run.architecture.settings).map(([key, value]) => `${key} = ${asText(value)}`),
    ...(run.architecture.decided ?? []).map((sentence) => `decided at the start: ${sentence}`),
    ...run.engines.flatMap((engine) =>
      Object.entries(engine.settings).map(([key, value]) => `${engine.role}: ${key} = ${value}`),
    ),
    ...run.engines.flatMap((engine) =>
      (engine.settingsNotInForce ?? []).map(
        ({ name, asked, inForce }) =>
          `${engine.role}: ${name} = ${inForce} in force, ${asked} asked for`,
      ),
    ),
    ...run.engines.flatMap((engine) => [
      ...Object.entries(engine.facts ?? {}).map(
        ([name, value]) => `${engine.role}, as found: ${name}: ${value}`,
      ),
      ...(engine.image === undefined ? [] : [`${engine.role}: ${imageWords(engine.image)}`]),
    ]),
    ...(run.architecture.images ?? []).map((image) => `${image.part}: ${imageWords(image)}`),
  ]
  const lines = settings.map((line) => html`<li><code>${line}</code></li>`)
  return [
    name,
    run.architecture.title,
    run.engines.map(engineWords).join(', '),
    settings.length === 0
      ? 'none'
      : html`<ul class="settings">
          ${lines}
        </ul>`,
    run.architecture.partsToOperate.join(', '),
  ]
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const RUN_HEADINGS = ['run', 'outcome', '#events timed', '#sustained', 'limit', 'record, SHA-256']

function runTable(view: StudyView, { recordSha256 }: ConditionsOptions): Markup {
  const rows = view.findings.runs.map((run): readonly Insertable[] => {
    const measured = measuredOf(run)
    const samples = (measured?.steps ?? [])
      .filter((step) => step.kind === 'measure')
      .reduce((sum, step) => sum + (step.latencyUs?.samples ?? 0), 0)
    const sustained = measured?.sustainedPerS ?? null
    return [
      `${run.target.name}, round ${roundName(run)}`,
      run.outcome.state,
      measured === null ? '–' : formatCount(samples),
      sustained === null ? '–' : formatRate(sustained),
      measured?.saturated?.evidence ?? '–',
      html`<code>${(recordSha256.get(run.id) ?? '–').slice(0, HASH_SHOWN)}</code>`,
    ]
  })
  return html`<h3 id="runs">Runs</h3>
    ${factTable({ label: 'Runs', headings: RUN_HEADINGS, rows })}`
}
