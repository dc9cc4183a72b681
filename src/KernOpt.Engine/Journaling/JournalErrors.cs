using KernOpt.Target;
using Microsoft.Data.Sqlite;

namespace KernOpt.Engine.Journaling;

/// <summary>Which numbered reason an error stands for (result codes: sqlite.org/rescode.html; errno: errno(3)).</summary>
internal static class JournalErrors
{
    private const int NoSpaceLeft = 28;
    private const int QuotaExceeded = 122;

    public static Reason ReasonOf(SqliteException e, string path) => e.SqliteErrorCode switch
    {
        3 or 8 or 14 or 23 => IsForbidden(path) ? Reasons.JournalNotPermitted : Reasons.JournalNotWritable, // PERM, READONLY, CANTOPEN, AUTH
        5 or 6 => Reasons.JournalBusy, // BUSY, LOCKED
        11 or 26 => Reasons.JournalNotADatabase, // CORRUPT, NOTADB
        13 => Reasons.JournalDiskFull, // FULL
        _ => Reasons.JournalFailed,
    };

    /// <summary>.NET keeps errno in the low part of HResult where it knows no other code; a directory in the file's place is the same exception as no permission.</summary>
    public static Reason ReasonOf(Exception e, string path) => e switch
    {
        _ when (e.HResult & 0xffff) is NoSpaceLeft or QuotaExceeded => Reasons.JournalDiskFull,
        UnauthorizedAccessException when !Directory.Exists(path) => Reasons.JournalNotPermitted,
        _ => Reasons.JournalNotWritable,
    };

    /// <summary>SQLite does not tell EACCES from the rest. It needs to write the file, and files of its own next to it.</summary>
    private static bool IsForbidden(string path)
    {
        try
        {
            if (File.Exists(path)) File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
            var beside = Path.Combine(Path.GetDirectoryName(path)!, $".kernopt-{Guid.NewGuid():N}");
            new FileStream(beside, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose).Dispose();
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e is UnauthorizedAccessException && !Directory.Exists(path);
        }
    }
}
