-- The contest's reward: 9,000 for progress to the end post, up to 1,000 for an early finish.
-- An episode ends when a life is lost or the end post is reached.

local frame_limit = 18000
local frames = 0
local lives = 3
local start_x = nil
local distance = nil
local before = 0

local function progress()
    if start_x == nil then
        start_x = data.x
        distance = data.level_end_x - data.x
    end
    return math.max(0, math.min(1, (data.x - start_x) / distance))
end

function contest_done()
    if data.lives < lives then
        return true
    end
    return progress() >= 1
end

function contest_reward()
    frames = frames + 1
    local now = progress()
    local reward = (now - before) * 9000
    before = now
    if now >= 1 then
        reward = reward + (1 - math.min(1, frames / frame_limit)) * 1000
    end
    return reward
end
