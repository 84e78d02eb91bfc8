// A time that was typed as clocks of the configured zone show it.

// Returns epoch seconds for 2025-11-27T14:30 in the zone of `figures`; NaN for what is no time.
export const timeOf = (field, figures) => {
  const wanted = Date.parse(`${field}Z`) / 1000;
  let at = wanted;
  for (let turn = 0; turn < 2 && Number.isFinite(at); turn++) at += wanted - Date.parse(`${figures.local(at)}Z`) / 1000;
  return at;
};
