// All heads of a page: the map, the search, the table that can be sorted, and what is known of the chosen head.
(function () {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const byId = (id) => document.getElementById(id);
  const rows = Array.from(byId("table").tBodies[0].rows);
  const heads = data.heads.map((_, i) => i);
  const index = new Map(data.heads.map((head, i) => [head, i]));
  const cells = new Map(Array.from(byId("map").querySelectorAll(".head")).map((cell) => [index.get(cell.dataset.head), cell]));
  const names = Object.keys(data.columns);
  const sort = { key: "", down: true };
  let sortBeforeSearch = null;
  let chosen = -1;
  let most = data.most || Infinity;

  // What people write around what they look for.
  const FILLER = new Set(("a about and are do does for head heads in is me name names of or show that the to token tokens "
    + "what which who with word words write writes writing written").split(" "));

  function terms(query) {
    const all = query.toLowerCase().split(/\s+/).map((t) => t.replace(/[?!.,;:]+$/, "") || t).filter(Boolean);
    const meant = all.filter((t) => !FILLER.has(t));
    return meant.length ? meant : all;
  }

  // country finds countries, color finds colours.
  function stem(word) {
    const british = word.replace(/color/g, "colour");
    return british.length > 3 ? british.replace(/(ies|y|s)$/, "") : british;
  }

  function isNamed(concept, term) {
    return concept.toLowerCase().split(/[^\p{L}\p{N}]+/u).concat(concept.toLowerCase()).some(function (word) {
      return word && stem(word).startsWith(stem(term));
    });
  }

  function matches(i, term) {
    return data.heads[i].toLowerCase() === term
      || data.sites[data.places[i][0]].toLowerCase() === term
      || data.tokens[i].some((token) => token.startsWith(term))
      || data.concepts[i].some((concept) => isNamed(concept, term));
  }

  const shownName = () => (byId("shown") ? byId("shown").value : names[0]);
  const shownScore = () => (byId("score") ? byId("score").value : Object.keys(data.columns[shownName()])[0]);

  // What a score of something is called: of one concept, or of the one change that there is, the rest goes without saying.
  function called(name, score) {
    return names.length === 1 ? score : score === "change" ? name : name + ": " + score;
  }

  function visible() {
    const wanted = terms(byId("query").value);
    const layer = byId("layer").value;
    const only = byId("only") && byId("only").checked;
    const concept = shownName();
    return heads.filter(function (i) {
      return (layer === "" || data.places[i][0] === Number(layer))
        && (!only || data.concepts[i].includes(concept))
        && wanted.every((term) => matches(i, term));
    });
  }

  function number(value, score) {
    if (value === null) return "–";
    if (score === "z" && Math.abs(value) >= 1000) return value > 0 ? "> 999" : "< −999";
    const digits = { z: 1, q: 3, change: 3, explained: 3, specificity: 3 }[score || "explained"];
    const text = digits === undefined ? value.toPrecision(3) : value.toFixed(digits);
    return (Number(text) ? text : text.replace("-", "")).replace("-", "−");
  }

  function element(tag, text, className) {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function told(i) {
    const column = data.columns[shownName()];
    const scores = data.details || Object.keys(column);
    return [data.heads[i] + (data.edited && data.edited.includes(data.heads[i]) ? " · edited" : "")]
      .concat(scores.map((score) => called(shownName(), score) + " " + number(column[score][i], score)))
      .concat(data.visible ? data.visible[i].slice(0, 8).join("  ") : [])
      .join("\n");
  }

  function draw() {
    const seen = new Set(visible());
    const [name, score] = [shownName(), shownScore()];
    const values = data.columns[name][score];
    const limit = data.limits[name][score];
    const title = called(name, score);
    cells.forEach(function (cell, i) {
      const value = values[i];
      cell.style.setProperty("--share", (100 * Math.min(1, Math.abs(value || 0) / limit)).toFixed(1));
      cell.classList.toggle("negative", value < 0);
      cell.classList.toggle("out", !seen.has(i));
      cell.setAttribute("aria-pressed", String(i === chosen));
      cell.setAttribute("aria-label", data.heads[i] + " " + title + " " + number(value, score));
      if (data.fills) rows[i].lastElementChild.textContent = number(value, score);
    });
    byId("map").querySelector(".map-legend").textContent = title + ", full colour at " + number(limit, score)
      + (values.some((value) => value < 0) ? ", orange below zero" : "") + ". Arrow keys move, Enter chooses a head.";
    if (byId("shown-name")) byId("shown-name").textContent = title;
    order(values, seen);
  }

  function order(values, seen) {
    const keys = sort.key === "shown" ? values : data.sortable[sort.key] || data.columns[shownName()][sort.key] || heads;
    const down = sort.key && sort.down;
    const key = (i) => (keys[i] === null ? -Infinity : keys[i]);
    const sorted = heads.slice(0, rows.length).sort((a, b) => (down ? key(b) - key(a) : key(a) - key(b)) || a - b);
    let listed = 0;
    sorted.forEach(function (i) {
      rows[i].hidden = !seen.has(i) || listed >= most;
      listed += !rows[i].hidden;
      rows[i].parentNode.append(rows[i]);
    });
    byId("count").textContent = seen.size + " of " + heads.length + " heads" + (listed < seen.size ? ", " + listed + " in the table" : "");
    document.querySelectorAll("#table th[data-sort]").forEach(function (th) {
      if (th.dataset.sort === sort.key) th.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  }

  function choose(i) {
    chosen = i;
    const panel = byId("detail");
    panel.hidden = false;
    panel.replaceChildren(element("h3", data.heads[i]), ...(data.visible ? tokenDetails(i) : changeDetails(i)));
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

  function tokenDetails(i) {
    const curve = data.visible[i].map((token, step) => [token, number(data.curves[i][step])]);
    const first = data.details[0];
    const byValue = names.slice().sort((a, b) => data.columns[b][first][i] - data.columns[a][first][i]);
    const scores = byValue.map((name) => [name].concat(data.details.map((score) => number(data.columns[name][score][i], score))));
    const side = element("div", "", "columns");
    side.append(
      table("Tokens, and what they explain together so far", ["token", "explained"], curve),
      table("Concepts", ["concept"].concat(data.details), scores)
    );
    return [side];
  }

  function changeDetails(i) {
    const changes = names.map((name) => [name, number(data.columns[name].change[i])]);
    return [table("Change", ["what", "change"], changes)];
  }

  headMap(byId("map"), (cell) => told(index.get(cell.dataset.head)), (head) => choose(index.get(head)));
  rows.forEach(function (row, i) { row.addEventListener("click", function () { choose(i); }); });
  document.querySelectorAll("#table th[data-sort]").forEach(function (th) {
    const button = document.createElement("button");
    button.type = "button";
    button.append.apply(button, Array.from(th.childNodes));
    th.append(button);
    button.addEventListener("click", function () {
      sort.down = sort.key === th.dataset.sort ? !sort.down : !["head", "rank"].includes(th.dataset.sort);
      sort.key = th.dataset.sort;
      sortBeforeSearch = null;
      draw();
    });
  });
  byId("controls").addEventListener("submit", function (event) { event.preventDefault(); });
  byId("query").addEventListener("input", function () {
    // Whoever names a concept wants to see it on the map.
    const wanted = terms(byId("query").value);
    const named = wanted.length && byId("shown") && Array.from(byId("shown").options).find(function (option) {
      return wanted.some((term) => term.length > 2 && isNamed(option.value, term));
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
  if (byId("all")) byId("all").addEventListener("click", function () {
    most = Infinity;
    byId("all").remove();
    draw();
  });
  draw();
})();
