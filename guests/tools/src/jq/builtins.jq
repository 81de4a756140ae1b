# Text
def @text: tostring;
def @json: tojson;
def ascii: [.] | implode;
def substitute($from; $to): split($from) | join($to);
def @csv:
  [.[] | if isstring then "\"" + substitute("\""; "\"\"") + "\""
         elif . == null then ""
         elif isarray or isobject then error("\(type) (\(tojson)) is not valid in a csv row")
         else tostring end] | join(",");
def @tsv:
  [.[] | if isstring then
           substitute("\\"; "\\\\") | substitute("\t"; "\\t") | substitute("\n"; "\\n") | substitute("\r"; "\\r")
         elif . == null then ""
         elif isarray or isobject then error("\(type) (\(tojson)) is not valid in a tsv row")
         else tostring end] | join("\t");
def format($name):
  if   $name == "text"   then @text
  elif $name == "json"   then @json
  elif $name == "csv"    then @csv
  elif $name == "tsv"    then @tsv
  elif $name == "html"   then @html
  elif $name == "uri"    then @uri
  elif $name == "sh"     then @sh
  elif $name == "base64" then @base64
  elif $name == "base64d" then @base64d
  else error("\($name) is not a valid format") end;

# Messages
def halt_error($exit_code): halt_message, halt($exit_code);
def halt_error: halt_error(5);
def input_line_number: 0;
def env: environment;

# Paths
def leaf_paths: paths(scalars);
def recurse_down: recurse;

# Tables
def IN(candidates): any(candidates == .; .);
def IN(values; candidates): any(values == candidates; .);
def INDEX(rows; key): reduce rows as $row ({}; .[$row | key | tostring] = $row);
def INDEX(key): INDEX(.[]; key);
def JOIN($index; key): [.[] | [., $index[key]]];
def JOIN($index; rows; key): rows | [., $index[key]];
def JOIN($index; rows; key; result): rows | [., $index[key]] | result;

# Streams of events
def tostream:
  def events($path):
    if (isarray or isobject) and length > 0 then
      . as $whole | keys_unsorted as $keys
      | ($keys[] as $key | $whole[$key] | events($path + [$key])), [$path + [$keys[-1]]]
    else [$path, .] end;
  events([]);
def fromstream(stream):
  foreach stream as $event ({done: true};
    if .done then {done: false, value: null} else . end
    | if ($event | length) == 1 then .done = (($event[0] | length) == 1)
      elif $event[0] == [] then {done: true, value: $event[1]}
      else .value |= setpath($event[0]; $event[1]) end;
    select(.done) | .value);
def truncate_stream(stream):
  . as $depth | stream | select((.[0] | length) > $depth) | .[0] |= .[$depth:];
