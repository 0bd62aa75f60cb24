/* global document, localStorage */
/**
 * Runs in the head, before anything is painted: the reader’s own choice of light or dark, where there is one.
 * Storage may be forbidden (a page opened from disk in a strict browser); then the system decides.
 */
try {
  const chosen = localStorage.getItem('headroom-theme')
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
} catch {
  document.documentElement.dataset.theme = ''
}
