/**
 * What every page has alike: one file that needs nothing else, its policy, its head and its foot. In: what stands in it.
 * Out: HTML.
 */
import { createHash } from 'node:crypto'
import type { ChartSpec } from './charts/spec.ts'
import { jsonForScript } from './escape.ts'
import type { Insertable } from './markup.ts'
import { html, Markup } from './markup.ts'
import { pageFiles } from './page-files.ts'

export interface PageFrame {
  readonly title: string
  /** One sentence: what a search or a preview shows. */
  readonly description: string
  /** Beside the brand: the question, and when. */
  readonly meta: string
  /** Rules besides those of every page. */
  readonly css: string
  /** Anchors and their words; the first is the verdict. */
  readonly links: readonly (readonly [string, string])[]
  readonly main: Insertable
  readonly foot: Markup
  readonly charts: readonly ChartSpec[]
}

export function framedPage(frame: PageFrame): string {
  const css = `${pageFiles.css}\n${frame.css}`
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policyOf(css)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="description" content="${frame.description}" />
        <title>${frame.title} – Headroom</title>
        ${inline('style', css)} ${inline('script', pageFiles.themeScript)}
      </head>
      <body>
        <a class="skip" href="#verdict">To the verdict</a>
        ${header(frame.meta)} ${contents(frame.links)}
        <main>${frame.main}</main>
        ${frame.foot}
        <script type="application/json" id="chart-data">
          ${new Markup(jsonForScript(frame.charts))}
        </script>
        ${inline('script', pageFiles.chartJs)} ${inline('script', pageFiles.script)}
      </body>
    </html> `
  return page.text
}

/** Byte for byte what its hash in the policy was made of: no line break may come between the tags. */
function inline(tag: 'style' | 'script', text: string): Markup {
  return new Markup(`<${tag}>${text}</${tag}>`)
}

/** Only what stands in the page may run, and nothing may be fetched: an escaping mistake stays without effect. */
function policyOf(css: string): string {
  const scripts = [pageFiles.themeScript, pageFiles.chartJs, pageFiles.script].map(sourceHash)
  return [
    "default-src 'none'",
    `script-src ${scripts.join(' ')}`,
    `style-src ${sourceHash(css)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

function sourceHash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

function header(meta: string): Markup {
  return html`<header class="top">
    <span class="brand">Headroom</span>
    <span class="meta">${meta}</span>
    <div class="themes" role="group" aria-label="Colours">
      <button type="button" data-choose="light" aria-pressed="false">Light</button
      ><button type="button" data-choose="system" aria-pressed="true">System</button
      ><button type="button" data-choose="dark" aria-pressed="false">Dark</button>
    </div>
  </header>`
}

function contents(links: PageFrame['links']): Markup {
  return html`<nav class="contents" aria-label="Contents">
    <ul>
      ${links.map(([id, words]) => html`<li><a href="#${id}">${words}</a></li>`)}
    </ul>
  </nav>`
}
