using System.Collections.Frozen;
using KernOpt.Code.Images;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Functions of the C, C++ and POSIX libraries that never return to their caller: by their manual pages, the C11 standard (7.22.4, 7.13.2),
/// the Itanium C++ ABI (part III, 2.4) and the LSB's interfaces for checked functions.
/// A name alone says this only of an import and of a function of these libraries. A program may have a function of its own that is called "exit" or "err"
/// and returns; it has none that is called as compilers call theirs.
/// </summary>
internal static class NoReturnNames
{
    /// <summary>Names that a program is free to use otherwise: the libraries' own only where they come from the libraries.</summary>
    private static readonly FrozenSet<string> Common = FrozenSet.ToFrozenSet(
    [
        "abort", "exit", "quick_exit", "pthread_exit", "thrd_exit", "longjmp", "siglongjmp",
        // err(3), and the assertion of the BSDs, which many a program has its own of.
        "err", "errx", "verr", "verrx", "__assert",
    ]);

    /// <summary>Names that the standards keep for the libraries and compilers (C11 7.1.3), wherever a linker has put the function.</summary>
    private static readonly FrozenSet<string> Reserved = FrozenSet.ToFrozenSet(
    [
        // Ending the process or the thread.
        "_exit", "_Exit", "__pthread_exit",
        // Failed checks.
        "__stack_chk_fail", "__stack_chk_fail_local", "__chk_fail", "__fortify_fail", "__assert_fail", "__assert_perror_fail",
        "__libc_fatal", "__cxa_bad_cast", "__cxa_bad_typeid", "__cxa_throw_bad_array_new_length", "__cxa_pure_virtual", "__cxa_deleted_virtual",
        // Non-local jumps.
        "_longjmp", "__longjmp_chk", "__libc_longjmp", "__libc_siglongjmp",
        // C++ exceptions and the standard library's throwers.
        "__cxa_throw", "__cxa_rethrow", "_Unwind_Resume", "_ZSt9terminatev", "_ZSt10unexpectedv", "_ZSt17rethrow_exceptionNSt15__exception_ptr13exception_ptrE",
        "_ZSt17__throw_bad_allocv", "_ZSt16__throw_bad_castv", "_ZSt18__throw_bad_typeidv", "_ZSt21__throw_bad_exceptionv",
        "_ZSt28__throw_bad_array_new_lengthv", "_ZSt19__throw_logic_errorPKc", "_ZSt20__throw_length_errorPKc", "_ZSt20__throw_out_of_rangePKc",
        "_ZSt24__throw_out_of_range_fmtPKcz", "_ZSt24__throw_invalid_argumentPKc", "_ZSt20__throw_domain_errorPKc", "_ZSt21__throw_runtime_errorPKc",
        "_ZSt19__throw_range_errorPKc", "_ZSt22__throw_overflow_errorPKc", "_ZSt23__throw_underflow_errorPKc", "_ZSt20__throw_system_errori",
        "_ZSt19__throw_ios_failurePKc", "_ZSt19__throw_ios_failurePKci", "_ZSt25__throw_bad_function_callv", "_ZSt16__throw_bad_castv",
        "_ZSt21__glibcxx_assert_failPKciS0_S0_", "_ZSt22__throw_bad_weak_ptrv", "_ZSt20__throw_future_errori", "_ZSt17__throw_regex_errorNSt15regex_constants10error_typeE",
    ]);

    /// <summary>The base names of what brings these functions: glibc, musl, the C++ libraries, and the loaders, which have copies of some.</summary>
    private static readonly string[] Libraries = ["libc.", "libc-", "libc++", "libstdc++", "libgcc_s", "libpthread", "ld-linux", "ld-musl"];

    /// <summary>Of an import. Symbol versions ("exit@GLIBC_2.2.5") are ignored.</summary>
    public static bool OfImport(string name)
    {
        var version = name.IndexOf('@', StringComparison.Ordinal);
        if (version >= 0) name = name[..version];
        return Common.Contains(name) || Reserved.Contains(name);
    }

    /// <summary>Of a function with a body.</summary>
    public static bool OfFunction(Function function) => !function.Names.IsDefaultOrEmpty
        && (Libraries.Any(l => function.Module.Name.StartsWith(l, StringComparison.Ordinal)) ? function.Names.Any(OfImport) : function.Names.Any(Reserved.Contains));
}
