namespace KernOpt.Linux.Native;

/// <summary>Error numbers of Linux x86-64 (asm-generic/errno-base.h, errno.h), as system calls answer them negated.</summary>
public static class Errno
{
    public const int NotPermitted = 1;
    public const int NotFound = 2;
    public const int NoSuchProcess = 3;
    public const int Interrupted = 4;
    public const int InputOutput = 5;
    public const int NoChild = 10;
    public const int TryAgain = 11;
    public const int NoMemory = 12;
    public const int AccessDenied = 13;
    public const int Busy = 16;
    public const int Exists = 17;
    public const int Invalid = 22;
    public const int NotImplemented = 38;
    public const int NotSupported = 95;
    public const int AddressInUse = 98;

    /// <summary>"EPERM (Operation not permitted)" for a negated error number or the number itself.</summary>
    public static string Describe(long result)
    {
        var number = (int)Math.Abs(result);
        return $"errno {number} ({System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(number)})";
    }
}
