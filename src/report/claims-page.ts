/** A study of claims as a page: all verdicts in one table, then a card per claim with its figures and their evidence. */
import type { ClaimFinding, ClaimsFindings } from '../judge/claims.ts'
import { formatBytes, formatDurationS, formatDurationUs, formatNumber } from '../kit/units.ts'
import { recordHash } from '../results/canonical.ts'
import { claimCard, verdictBadge } from './claim-card.ts'
import { anchor, html, nothing } from './markup.ts'
import type { Markup } from './markup.ts'
import { framedPage } from './page-frame.ts'
import { factTable } from './sections/table.ts'
import { utc } from './sections/words.ts'

export function renderClaimsPage(findings: ClaimsFindings): string {
  const { record, verdict } = findings
  return framedPage({
    title: `Claims: ${verdict}`,
    description: verdict,
    meta: `${record.question} · ${utc(record.startedAt)}`,
    css: '',
    links: [
      ['verdict', 'Verdict'],
      ['claims', 'Claims'],
      ['conditions', 'Conditions'],
    ],
    main: [verdictSection(findings), claimsSection(findings), conditionsSection(findings)],
    foot: html`<footer>
      Drawn by Headroom ${record.headroom.version} from the record of study ${record.id}. The same
      record gives the same page, byte for byte.
    </footer>`,
    charts: [],
  })
}

function verdictSection({ verdict, claims, caveats, record }: ClaimsFindings): Markup {
  return html`<section id="verdict" aria-labelledby="verdict-title">
    ${
      record.cutShort === null
        ? nothing
        : html`<div class="notice" role="note">
            <p><strong>This is not a complete result.</strong></p>
            <p>The study was cut short: ${record.cutShort}</p>
          </div>`
    }
    <h1 id="verdict-title">${verdict}</h1>
    <p class="lead">
      Each claim stands in a document, word for word, and was measured by an experiment on a real
      server. Refuted is a result: it says that the number should not be planned with.
    </p>
    ${factTable({
      label: 'Verdicts',
      headings: ['Claim', 'What', 'Verdict', 'Because'],
      rows: claims.map(({ claim, verdict: one, because }) => [
        html`<a href="#${anchorOf(claim.id)}">${claim.id}</a>`,
        claim.title,
        verdictBadge(one),
        because,
      ]),
    })}
    <ul class="lead">
      ${caveats.map((caveat) => html`<li>${caveat}</li>`)}
    </ul>
  </section>`
}

function claimsSection({ claims }: ClaimsFindings): Markup {
  return html`<section id="claims" aria-labelledby="claims-title">
    <h2 id="claims-title">Claims</h2>
    <div class="cards wide-cards">
      ${claims.map((finding: ClaimFinding) => claimCard(finding, anchorOf(finding.claim.id)))}
    </div>
  </section>`
}

function anchorOf(id: string): string {
  return `claim-${anchor(id)}`
}

function conditionsSection({ record }: ClaimsFindings): Markup {
  const { machine } = record
  const fsync = machine.fsyncP50Us
  return html`<section id="conditions" aria-labelledby="conditions-title">
    <h2 id="conditions-title">Conditions</h2>
    <h3>Do it again</h3>
    <p class="command">
      <code>${record.command}</code
      ><button type="button" class="copy" aria-label="Copy the command that makes this study again">
        Copy
      </button>
    </p>
    ${factTable({
      label: 'Machine and measuring',
      headings: ['Condition', 'Value'],
      rows: [
        ['Processor', `${machine.cpu}, ${formatNumber(machine.cores)} cores`],
        ['Memory', formatBytes(machine.memoryBytes)],
        ['System', `${machine.os}, node ${machine.node}`],
        ['fsync of 8 KiB, median', fsync === null ? 'not measured' : formatDurationUs(fsync)],
        ['Scale', record.scale],
        ['Took', formatDurationS(record.tookS)],
        ['Commit', record.headroom.commit],
        ['Record, SHA-256', recordHash(record)],
      ],
    })}
    <h3>Experiments</h3>
    ${factTable({
      label: 'Experiments',
      headings: ['Experiment', 'What', 'Server', '#Rounds', '#Took'],
      rows: record.experiments.map(({ experiment, engines, arms, tookS }) => [
        experiment.name,
        experiment.description,
        engines.map(({ label, provider }) => `${label} (${provider})`).join(', ') || 'none',
        Math.max(0, ...arms.map(({ round }) => round)),
        formatDurationS(tookS),
      ]),
    })}
    <h3>Settings that differ from PostgreSQL’s own</h3>
    ${factTable({
      label: 'Settings',
      headings: ['Experiment', 'Server', 'Settings'],
      rows: record.experiments.flatMap(({ experiment, engines }) =>
        engines.map(({ name, settings }) => [
          experiment.name,
          name,
          Object.entries(settings)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([setting, value]) => `${setting} = ${value}`)
            .join(', '),
        ]),
      ),
    })}
  </section>`
}
