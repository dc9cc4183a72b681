using KernOpt.Target;
using Microsoft.Data.Sqlite;

namespace KernOpt.Engine.Journaling;

/// <summary>Which numbered reason an error stands for (result codes: sqlite.org/rescode.html; errno: errno(3)).</summary>
internal static class JournalErrors
{
    private const int NoSpaceLeft = 28;
    private const int QuotaExceeded = 122;

    public static Reason ReasonOf(SqliteException e) => e.SqliteErrorCode switch
    {
        3 or 8 or 14 or 23 => Reasons.JournalNotWritable, // PERM, READONLY, CANTOPEN, AUTH
        5 or 6 => Reasons.JournalBusy, // BUSY, LOCKED
        11 or 26 => Reasons.JournalNotADatabase, // CORRUPT, NOTADB
        13 => Reasons.JournalDiskFull, // FULL
        _ => Reasons.JournalFailed,
    };

    /// <summary>.NET keeps errno in the low part of HResult where it knows no other code.</summary>
    public static bool IsDiskFull(Exception e) => (e.HResult & 0xffff) is NoSpaceLeft or QuotaExceeded;
}
