/** Windows of Amazon RDS (UTC): the daily one of backups, from a cron line, and the weekly one of maintenance. */

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.BackupWindow.html */
const windowMinutes = 30;
const dayMinutes = 24 * 60;
const days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/**
 * `0 2 * * *` gives `02:00-02:30`, the shortest window that Amazon RDS takes.
 *
 * @returns undefined for what is no single time of each day
 */
export function backupWindow(cron: string): string | undefined {
  const daily = /^(\d{1,2}) (\d{1,2}) \* \* \*$/.exec(cron.trim().replaceAll(/\s+/g, " "));
  const [minute, hour] = [Number(daily?.[1]), Number(daily?.[2])];
  if (daily === null || minute > 59 || hour > 23) return undefined;
  const begin = hour * 60 + minute;
  return `${clock(begin)}-${clock((begin + windowMinutes) % dayMinutes)}`;
}

/** Whether a daily window (`02:00-02:30`) meets a weekly one (`sun:04:00-sun:05:00`), which Amazon RDS refuses. */
export function windowsMeet(daily: string, weekly: string): boolean {
  const week = days.length * dayMinutes;
  const [from = "", to = ""] = weekly.split("-");
  const [begin, end] = [minuteOfWeek(from), minuteOfWeek(to)];
  const length = (end - begin + week) % week;
  const [dailyFrom = "", dailyTo = ""] = daily.split("-");
  const dailyLength = (minuteOfDay(dailyTo) - minuteOfDay(dailyFrom) + dayMinutes) % dayMinutes;
  return days.some((_, day) => {
    const start = day * dayMinutes + minuteOfDay(dailyFrom);
    // Two arcs of a circle meet where one begins inside of the other.
    return (start - begin + week) % week < length || (begin - start + week) % week < dailyLength;
  });
}

function minuteOfDay(time: string): number {
  const [hour, minute] = time.split(":");
  return Number(hour) * 60 + Number(minute);
}

function minuteOfWeek(time: string): number {
  return days.indexOf(time.slice(0, 3)) * dayMinutes + minuteOfDay(time.slice(4));
}

function clock(minutes: number): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
