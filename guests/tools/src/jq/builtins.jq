# Text
def tostring: if isstring then . else tojson end;
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
def input: [limit(1; inputs)] | if . == [] then error("No more inputs") else .[0] end;
def env: environment;

# Paths
def setpath($path; $value): set_at($path; $value);
def delpaths($paths): delete_at($paths);
def del(paths): delpaths([path(paths)]);

# Updates: jaq's own way, or else one path after the other. A filter that gives nothing deletes.
def update_by_path(paths; f):
  reduce path(paths) as $path (.;
    [limit(1; getpath($path) | f)] as $new
    | if $new == [] then delpaths([$path]) else setpath($path; $new[0]) end);
def update_or(own; paths; f): . as $whole | try own catch ($whole | update_by_path(paths; f));
def assign_or(own; paths; values):
  . as $whole | try own catch ($whole | values as $value | update_by_path(paths; $value));
def update_alternative_or(own; paths; values):
  . as $whole | try own catch ($whole | values as $value | update_by_path(paths; . // $value));
def update_add_or(own; paths; values):
  . as $whole | try own catch ($whole | values as $value | update_by_path(paths; . + $value));
def update_subtract_or(own; paths; values):
  . as $whole | try own catch ($whole | values as $value | update_by_path(paths; . - $value));
def update_multiply_or(own; paths; values):
  . as $whole | try own catch ($whole | values as $value | update_by_path(paths; . * $value));
def update_divide_or(own; paths; values):
  . as $whole | try own catch ($whole | values as $value | update_by_path(paths; . / $value));
def update_remainder_or(own; paths; values):
  . as $whole | try own catch ($whole | values as $value | update_by_path(paths; . % $value));

# Lenient forms
def ltrimstr($part): if isstring and ($part | isstring) and startswith($part) then .[$part | length:] else . end;
def rtrimstr($part):
  if isstring and ($part | isstring) and endswith($part) and $part != "" then .[:length - ($part | length)] else . end;
def join($separator):
  if . == [] then "" else
    reduce .[1:][] as $item (.[0] | if . == null then "" else tostring end;
      . + $separator + ($item | if . == null then "" elif isstring then . else tojson end))
  end;
def from_entries:
  reduce .[] as $entry ({};
    . + {($entry
          | if isobject then
              (if .key != null or .key == false then .key elif .k != null then .k elif .name != null then .name
               elif .Name != null then .Name elif .K != null then .K else .Key end)
            else error("Cannot use \(type) as entry") end
          | if isstring then . else tojson end):
         ($entry | if has("value") then .value elif has("v") then .v else .Value end)});
def with_entries(f): to_entries | map(f) | from_entries;

def leaf_paths: paths(scalars);
def recurse_down: recurse;

# Arrays
def flatten($depth):
  if $depth < 0 then error("flatten depth must not be negative") else
    reduce .[] as $item ([];
      . + if ($item | isarray) and $depth > 0 then $item | flatten($depth - 1) else [$item] end)
  end;
def flatten: flatten(1000000000);

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
