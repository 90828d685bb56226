/** The present time, for `12 s ago`; one clock for all. */

class Now {
  value = $state(Date.now());
}

export const now = new Now();

setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1000);
