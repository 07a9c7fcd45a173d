/* Pages, made by a script. The script defines
 *
 *     answer(path) -> status, type, text
 *
 * and has query(sql, ...), which returns the rows of the database as an array of tables. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

static lua_State *script;
static sqlite3 *database;

static void push_column(lua_State *lua, sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER: lua_pushinteger(lua, sqlite3_column_int64(statement, column)); break;
    case SQLITE_FLOAT: lua_pushnumber(lua, sqlite3_column_double(statement, column)); break;
    case SQLITE_NULL: lua_pushnil(lua); break;
    default:
        lua_pushlstring(lua, sqlite3_column_blob(statement, column), (size_t)sqlite3_column_bytes(statement, column));
    }
    lua_setfield(lua, -2, sqlite3_column_name(statement, column));
}

static void bind_arguments(lua_State *lua, sqlite3_stmt *statement)
{
    for (int i = 2; i <= lua_gettop(lua); i++) {
        size_t len;
        const char *text = luaL_tolstring(lua, i, &len);
        sqlite3_bind_text(statement, i - 1, text, (int)len, SQLITE_TRANSIENT);
        lua_pop(lua, 1);
    }
}

static int query(lua_State *lua)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, luaL_checkstring(lua, 1), -1, &statement, NULL) != SQLITE_OK)
        return luaL_error(lua, "%s", sqlite3_errmsg(database));
    bind_arguments(lua, statement);
    lua_newtable(lua);
    int result, row = 0;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        lua_newtable(lua);
        for (int column = 0; column < sqlite3_column_count(statement); column++)
            push_column(lua, statement, column);
        lua_rawseti(lua, -2, ++row);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? 1 : luaL_error(lua, "%s", sqlite3_errmsg(database));
}

static bool complain(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    return false;
}

bool pages_open(const char *folder)
{
    char path[200];
    snprintf(path, sizeof path, "%s/site.db", folder);
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return complain(path, sqlite3_errmsg(database));
    snprintf(path, sizeof path, "%s/site.lua", folder);
    script = luaL_newstate();
    if (script == NULL)
        return complain(path, "no memory");
    luaL_openlibs(script);
    lua_register(script, "query", query);
    return luaL_dofile(script, path) == LUA_OK || complain(path, lua_tostring(script, -1));
}

static void fill(struct page *page, int status, const char *type, const char *text, size_t len)
{
    page->status = status;
    snprintf(page->type, sizeof page->type, "%s", type);
    page->text = malloc(len + 1);
    page->len = page->text != NULL ? len : 0;
    if (page->text != NULL)
        memcpy(page->text, text, len);
}

void page_make(struct page *page, const char *path)
{
    lua_getglobal(script, "answer");
    lua_pushstring(script, path);
    if (lua_pcall(script, 1, 3, 0) != LUA_OK) {
        const char *why = lua_tostring(script, -1);
        complain(path, why);
        fill(page, 500, "text/plain", "the script failed\n", 18);
    } else {
        size_t len;
        const char *text = luaL_tolstring(script, -1, &len);
        fill(page, (int)lua_tointeger(script, 1), luaL_optstring(script, 2, "text/plain"), text, len);
    }
    lua_settop(script, 0);
}

void page_free(struct page *page)
{
    free(page->text);
}
