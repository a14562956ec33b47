"use strict";
(function () {
  const data = JSON.parse(document.getElementById("atlas-data").textContent);
  const byId = function (id) { return document.getElementById(id); };
  const rows = Array.from(byId("table").tBodies[0].rows);
  const heads = data.heads.map(function (_, i) { return i; });
  const sort = { key: "", down: true };
  let sortBeforeSearch = null;
  let chosen = -1;

  // What people write around what they look for.
  const FILLER = new Set(("a about and are do does for head heads in is me name names of or show that the to token tokens "
    + "what which who with word words write writes writing written").split(" "));

  function terms(query) {
    const all = query.toLowerCase().split(/\s+/).map(function (t) { return t.replace(/[?!.,;:]+$/, "") || t; }).filter(Boolean);
    const meant = all.filter(function (t) { return !FILLER.has(t); });
    return meant.length ? meant : all;
  }

  // country finds countries, color finds colours.
  function stem(word) {
    const british = word.replace(/color/g, "colour");
    return british.length > 3 ? british.replace(/(ies|y|s)$/, "") : british;
  }

  function names(concept, term) {
    return concept.toLowerCase().split(/[^\p{L}\p{N}]+/u).concat(concept.toLowerCase()).some(function (word) {
      return word && stem(word).startsWith(stem(term));
    });
  }

  function matches(i, term) {
    return data.heads[i].toLowerCase() === term
      || data.sites[data.places[i][0]].toLowerCase() === term
      || data.tokens[i].some(function (token) { return token.startsWith(term); })
      || data.concepts[i].some(function (concept) { return names(concept, term); });
  }

  function shownValues() {
    const columns = data.columns[byId("shown").value];
    const score = byId("score");
    return columns[score ? score.value : Object.keys(columns)[0]];
  }

  function visible() {
    const wanted = terms(byId("query").value);
    const layer = byId("layer").value;
    const only = byId("only") && byId("only").checked;
    const concept = byId("shown").value;
    return heads.filter(function (i) {
      return (layer === "" || data.places[i][0] === Number(layer))
        && (!only || data.concepts[i].includes(concept))
        && wanted.every(function (term) { return matches(i, term); });
    });
  }

  function number(value) {
    return value === null ? "–" : (value.toFixed(3) === "-0.000" ? "0.000" : value.toFixed(3)).replace("-", "−");
  }

  function element(tag, text, className) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  const cells = buildMap();

  function buildMap() {
    const made = [];
    const body = byId("map").tBodies[0];
    const width = 1 + Math.max.apply(null, data.places.map(function (place) { return place[1]; }));
    byId("map").style.setProperty("--columns", width);
    const lines = data.sites.map(function (site) {
      const line = document.createElement("tr");
      const label = element("th", site);
      label.scope = "row";
      line.append(label);
      for (let column = 0; column < width; column++) line.append(document.createElement("td"));
      return line;
    });
    // Layer 0, next to the input, is at the bottom, as in all pictures of heads.
    body.append.apply(body, lines.slice().reverse());
    heads.forEach(function (i) {
      const button = document.createElement("button");
      button.type = "button";
      button.tabIndex = i ? -1 : 0;
      button.dataset.head = i;
      lines[data.places[i][0]].cells[1 + data.places[i][1]].append(button);
      made.push(button);
    });
    return made;
  }

  function draw() {
    const seen = new Set(visible());
    const values = shownValues();
    const limit = Math.max.apply(null, values.map(function (value) { return Math.abs(value || 0); })) || 1;
    const title = byId("shown").value + (byId("score") ? ": " + byId("score").value : "");
    heads.forEach(function (i) {
      const value = values[i];
      cells[i].style.setProperty("--share", (100 * Math.abs(value || 0) / limit).toFixed(1));
      cells[i].className = (value < 0 ? "negative" : "") + (seen.has(i) ? "" : " out");
      cells[i].setAttribute("aria-pressed", String(i === chosen));
      cells[i].title = data.heads[i] + " " + number(value) + (data.visible ? " " + data.visible[i].slice(0, 4).join(" ") : "");
      cells[i].setAttribute("aria-label", cells[i].title);
      rows[i].hidden = !seen.has(i);
      if (data.fills) rows[i].lastElementChild.textContent = number(value);
    });
    byId("legend").textContent = title + ", darkest at " + number(limit) + "; layer 0 is at the bottom. Arrow keys move, Enter chooses a head.";
    if (byId("shown-name")) byId("shown-name").textContent = title;
    byId("count").textContent = seen.size + " of " + heads.length + " heads";
    order(values);
  }

  function order(values) {
    const keys = sort.key === "shown" ? values : data.sortable[sort.key] || heads;
    const down = sort.key && sort.down;
    const key = function (i) { return keys[i] === null ? -Infinity : keys[i]; };
    const sorted = heads.slice().sort(function (a, b) { return (down ? key(b) - key(a) : key(a) - key(b)) || a - b; });
    byId("table").tBodies[0].append.apply(byId("table").tBodies[0], sorted.map(function (i) { return rows[i]; }));
    document.querySelectorAll("#table th[data-sort]").forEach(function (th) {
      if (th.dataset.sort === sort.key) th.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  }

  function choose(i) {
    chosen = i;
    const panel = byId("detail");
    panel.hidden = false;
    panel.replaceChildren.apply(panel, data.visible ? atlasDetails(i) : changeDetails(i));
    draw();
  }

  function table(caption, header, lines) {
    const made = document.createElement("table");
    made.append(element("caption", caption));
    made.createTHead().append(document.createElement("tr"));
    header.forEach(function (name) { made.tHead.rows[0].append(element("th", name)); });
    const body = made.createTBody();
    lines.forEach(function (line) {
      const tr = body.insertRow();
      line.forEach(function (cell, column) {
        tr.append(column ? element("td", cell) : element("th", cell, "token-cell"));
      });
    });
    return made;
  }

  function atlasDetails(i) {
    const curve = data.visible[i].map(function (token, step) { return [token, number(data.curves[i][step])]; });
    const concepts = Object.keys(data.columns).sort(function (a, b) {
      return data.columns[b].specificity[i] - data.columns[a].specificity[i];
    }).map(function (name) {
      const column = data.columns[name];
      return [name, number(column.specificity[i]), number(column.explained[i]), number(column.q[i])];
    });
    const side = element("div", "", "columns");
    side.append(
      table("Tokens, and what they explain together so far", ["token", "explained"], curve),
      table("Concepts", ["concept", "specificity", "explained", "q"], concepts)
    );
    return [element("h3", data.heads[i]), side];
  }

  function changeDetails(i) {
    const changes = Object.keys(data.columns).map(function (name) {
      return [name].concat(Object.values(data.columns[name]).map(function (values) { return number(values[i]); }));
    });
    return [element("h3", data.heads[i]), table("Change", ["what", "change"], changes)];
  }

  byId("map").addEventListener("click", function (event) {
    if (event.target.dataset.head !== undefined) { focusCell(Number(event.target.dataset.head)); choose(Number(event.target.dataset.head)); }
  });
  byId("map").addEventListener("keydown", function (event) {
    const step = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step || event.target.dataset.head === undefined) return;
    event.preventDefault();
    const from = data.places[Number(event.target.dataset.head)];
    const next = data.places.findIndex(function (place) { return place[0] === from[0] + step[0] && place[1] === from[1] + step[1]; });
    if (next >= 0) focusCell(next);
  });

  function focusCell(i) {
    cells.forEach(function (cell) { cell.tabIndex = -1; });
    cells[i].tabIndex = 0;
    cells[i].focus();
  }

  rows.forEach(function (row, i) { row.addEventListener("click", function () { choose(i); }); });
  document.querySelectorAll("#table th[data-sort]").forEach(function (th) {
    const button = document.createElement("button");
    button.type = "button";
    button.append.apply(button, Array.from(th.childNodes));
    th.append(button);
    button.addEventListener("click", function () {
      sort.down = sort.key === th.dataset.sort ? !sort.down : th.dataset.sort !== "head";
      sort.key = th.dataset.sort;
      sortBeforeSearch = null;
      draw();
    });
  });
  byId("controls").addEventListener("submit", function (event) { event.preventDefault(); });
  byId("query").addEventListener("input", function () {
    // Whoever names a concept wants to see it on the map.
    const wanted = terms(byId("query").value);
    const named = wanted.length && Array.from(byId("shown").options).find(function (option) {
      return wanted.some(function (term) { return term.length > 2 && names(option.value, term); });
    });
    if (named) byId("shown").value = named.value;
    if (named && document.querySelector("#table th[data-sort=shown]")) {
      sortBeforeSearch = sortBeforeSearch || Object.assign({}, sort);
      Object.assign(sort, { key: "shown", down: true });
    } else if (sortBeforeSearch) {
      Object.assign(sort, sortBeforeSearch);
      sortBeforeSearch = null;
    }
    draw();
  });
  ["layer", "shown", "score", "only"].forEach(function (id) {
    if (byId(id)) byId(id).addEventListener("change", draw);
  });
  draw();
})();
