-- The pages of the server: planets, from the database.

local function escape(text)
    return (tostring(text):gsub("[&<>]", {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;"}))
end

local function list()
    local lines = {"<!DOCTYPE html><title>Planets</title><h1>Planets</h1><ul>"}
    for _, row in ipairs(query("SELECT name FROM planets ORDER BY distance")) do
        lines[#lines + 1] = string.format('<li><a href="/%s">%s</a>', row.name, escape(row.name))
    end
    return 200, "text/html", table.concat(lines, "\n") .. "\n</ul>\n"
end

function answer(path)
    if path == "/" then
        return list()
    end
    local row = query("SELECT * FROM planets WHERE name = ?", path:sub(2))[1]
    if not row then
        return 404, "text/plain", "there is no such planet\n"
    end
    query("UPDATE planets SET visits = visits + 1 WHERE name = ?", row.name)
    return 200, "text/plain", string.format("%s: %.2f au, %d moons, visit %d\n", row.name, row.distance, row.moons,
        row.visits + 1)
end
